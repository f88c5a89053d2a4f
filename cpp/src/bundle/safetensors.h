#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eenet/error.h"

namespace eenet {

/// Reader of untrusted safetensors bytes that hold floating-point tensors. Borrows the bytes.
class SafeTensors {
 public:
  /// @param what Names the file in messages.
  /// @throws Error(code) unless the file is complete, its tensors F32 or F64, and the data covered
  ///   by them exactly, without gap or overlap.
  SafeTensors(std::span<const std::byte> bytes, std::string what, ErrorCode code);

  /// A string of `__metadata__`, or none.
  std::optional<std::string> metadata(const std::string& key) const;

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  /// @throws Error(code) if there is no such tensor.
  const std::vector<std::int64_t>& shape(const std::string& name) const;
  /// Values of an F32 tensor of this shape.
  std::vector<float> f32(const std::string& name, const std::vector<std::int64_t>& shape) const;
  /// Values of an F64 tensor of this shape.
  std::vector<double> f64(const std::string& name, const std::vector<std::int64_t>& shape) const;

 private:
  struct Tensor {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin = 0;  // Offsets into data_.
    std::size_t end = 0;
  };

  void parse_header(std::string_view text);
  void check_layout() const;
  const Tensor& find(const std::string& name) const;
  std::span<const std::byte> bytes_of(const std::string& name, const std::string& dtype,
                                      const std::vector<std::int64_t>& shape) const;
  [[noreturn]] void fail(const std::string& complaint) const;

  std::string what_;
  ErrorCode code_;
  std::span<const std::byte> data_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace eenet
