// Files of arrays, as eenet-run takes them.
#include <vector>

#include "fuzz.h"
#include "npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  const std::span<const std::byte> bytes = fuzz::bytes_of(data, size);
  fuzz::refuse_or([&] {
    const tools::NpyArray array = tools::parse_npy({bytes.begin(), bytes.end()}, "file");
    std::size_t count = dtype_size(array.dtype);
    for (const std::int64_t dim : array.shape) count *= static_cast<std::size_t>(dim);
    fuzz::expect(array.begin + count <= array.file.size());
  });
  return 0;
}
