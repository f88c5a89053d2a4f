// Files of arrays, as eenet-run takes them.
#include <vector>

#include "fuzz.h"
#include "npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  const std::span<const std::byte> bytes = fuzz::bytes_of(data, size);
  fuzz::refuse_or([&] {
    const tools::NpyArray array = tools::parse_npy({bytes.begin(), bytes.end()}, "file");
    const std::size_t bytes = dtype_size(array.dtype) * count_elements(array.shape);
    fuzz::expect(array.begin + bytes <= array.file.size());
  });
  return 0;
}
