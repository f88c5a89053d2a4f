#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "eenet/error.h"
#include "eenet/manifest.h"
#include "eenet/result.h"
#include "eenet/schedule.h"

#include "decision/exit_policy.h"
#include "decision/exit_state.h"

namespace eenet::test {

/// Expects an Error of this code whose message has each of the parts.
template <typename Work>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, Work&& work) {
  try {
    std::forward<Work>(work)();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << error.what();
    for (const std::string& part : parts) {
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos)
          << "'" << part << "' is not in: " << error.what();
    }
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A safetensors file, header and data as given.
inline std::string safetensors(const std::string& header, const std::string& data) {
  std::string file;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    file += static_cast<char>(header.size() >> shift & 0xFFU);
  }
  return file + header + data;
}

/// Collects tensors into a safetensors file. A name that is added again replaces the tensor.
class SafeTensorsWriter {
 public:
  template <typename T>
  SafeTensorsWriter& add(const std::string& name, const std::vector<std::int64_t>& shape,
                         const std::vector<T>& values) {
    tensors_[name] = {sizeof(T) == sizeof(float) ? "F32" : "F64",
                      shape,
                      {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}};
    return *this;
  }
  SafeTensorsWriter& metadata(const std::string& key, const std::string& value) {
    metadata_[key] = value;
    return *this;
  }
  std::string file() const {
    nlohmann::json header = nlohmann::json::object();
    if (!metadata_.empty()) header["__metadata__"] = metadata_;
    std::string data;
    for (const auto& [name, tensor] : tensors_) {
      const std::size_t begin = data.size();
      data += tensor.bytes;
      header[name] = {
          {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
    }
    return safetensors(header.dump(), data);
  }

 private:
  struct Tensor {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::string bytes;
  };

  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A folder that is gone after the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "eenet-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  std::filesystem::path path_;
};

/// A manifest of two segments, 3 classes, with files of the given contents. Valid.
nlohmann::json make_manifest(const std::map<std::string, std::string>& files);

/// A schedule for costs 1, 2, 3 with a margin of 0.02, without an exit policy.
std::shared_ptr<const Schedule> schedule(double budget, std::vector<double> shares,
                                         const std::string& unit = "ms");

/// Budgets 1.5, 2 and 2.5.
std::vector<std::shared_ptr<const Schedule>> three_schedules(const std::string& unit = "ms");

Profile profile(std::vector<double> costs, const std::string& unit = "ms");

/// Parts of a policy whose linear scorers have weight 0 but where the test says otherwise.
ExitPolicy::Parts zero_policy(std::size_t exits, std::size_t classes,
                              std::vector<double> thresholds);

/// As zero_policy, with every scorer 1 * max.
ExitPolicy::Parts maximum_policy(std::size_t exits, std::size_t classes,
                                 std::vector<double> thresholds);

/// The logits of an exit, as a readout takes them. Borrows them.
class Logits {
 public:
  explicit Logits(std::span<const float> values)
      : shape_(static_cast<std::int64_t>(values.size())), tensor_{values, {&shape_, 1}} {}
  Logits(const Logits&) = delete;
  Logits& operator=(const Logits&) = delete;

  operator ExitOutput() const { return {&tensor_, 1}; }

 private:
  std::int64_t shape_;
  ExitTensor tensor_;
};

/// What the last step of a state answers.
Answers answer_of(const ExitState& state);
std::size_t label_of(const ExitState& state);

/// Decisions of a network that tells classes apart.
ExitState class_state(std::size_t exits, std::size_t classes);

/// A scorer of such parts, to change it.
Scorer& edit(ExitPolicy::Parts& parts, std::size_t exit);

}  // namespace eenet::test
