#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "eenet/tensor.h"

namespace eenet::tools {

/// An array of a .npy file. Owns its memory.
struct NpyArray {
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> file;  ///< All of it.
  std::size_t begin = 0;        ///< Where in the file the numbers start.

  TensorView view() const noexcept { return {dtype, shape, file.data() + begin}; }
};

/// Takes an untrusted .npy file, format 1 to 3, apart: of a dtype that tensors can have,
/// little-endian, C order.
/// @param what Names the file in messages.
/// @throws Error(kInput) naming what came and what was expected.
NpyArray parse_npy(std::vector<std::byte> file, const std::string& what);

/// As parse_npy() on a file on disk.
/// @throws Error(kInput) also if it cannot be read or is larger than 4 GiB.
NpyArray read_npy(const std::string& path);

}  // namespace eenet::tools
