// What a scheduler file says of its schedules, with the tensors of the golden bundle; then
// decisions.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "eenet/schedule.h"

#include "budget/replay.h"
#include "bundle/schedule_file.h"
#include "fuzz.h"

namespace {

/// The golden file with another description.
std::vector<std::byte> with_description(std::string_view description) {
  static const std::string golden = [] {
    std::ifstream file(std::filesystem::path(EENET_GOLDEN_BUNDLE) / "scheduler.safetensors");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  std::uint64_t length = 0;
  std::memcpy(&length, golden.data(), sizeof length);
  nlohmann::json header = nlohmann::json::parse(golden.substr(sizeof length, length));
  header["__metadata__"]["eenet"] = description;
  const std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  length = text.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  std::uint64_t golden_length = 0;
  std::memcpy(&golden_length, golden.data(), sizeof golden_length);
  file += text + golden.substr(sizeof length + golden_length);
  const auto bytes = std::as_bytes(std::span(file));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  fuzz::refuse_or([&] {
    const ScheduleFile file = parse_schedules(with_description(fuzz::text_of(data, size)));
    fuzz::expect(!file.active || *file.active < file.schedules.size());
    constexpr std::size_t kSamples = 3;
    if (file.num_features.front() < classification_features(2)) return;
    const std::size_t classes = file.num_features.front() - classification_features(0);
    const std::size_t row = file.num_exits() * classes;
    if (row > 10'000) return;
    std::vector<float> logits(kSamples * row);
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7 % 11);
    const auto outputs =
        LoggedOutputs::of_classification(logits.data(), kSamples, file.num_exits(), classes);
    for (const auto& schedule : file.schedules) {
      std::int64_t exits[kSamples];
      std::vector<float> scores(kSamples * file.num_exits());
      fuzz::refuse_or([&] { replay(outputs, schedule->exit_policy.get(), exits, scores.data()); });
    }
  });
  return 0;
}
