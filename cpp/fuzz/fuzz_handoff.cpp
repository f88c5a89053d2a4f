// Hand-offs, with the length and checksum that their bytes call for.
#include <algorithm>
#include <vector>

#include "bundle/bundle.h"
#include "decision/readout/task.h"
#include "fuzz.h"
#include "tiers/handoff.h"
#include "util/crc32.h"

namespace {

std::vector<std::byte> mended(std::span<const std::byte> bytes) {
  constexpr std::size_t kSizeAt = 12;
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  const std::uint64_t size = out.size();
  if (size < kSizeAt + sizeof size + sizeof(std::uint32_t)) return out;
  std::memcpy(out.data() + kSizeAt, &size, sizeof size);
  const std::size_t end = out.size() - sizeof(std::uint32_t);
  const std::uint32_t sum = eenet::crc32(std::span(out).first(end));
  std::memcpy(out.data() + end, &sum, sizeof sum);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  static const Bundle bundle = Bundle::open(EENET_GOLDEN_BUNDLE);
  fuzz::refuse_or([&] { decode_handoff(fuzz::bytes_of(data, size)); });
  const std::vector<std::byte> bytes = mended(fuzz::bytes_of(data, size));
  fuzz::refuse_or([&] {
    const Handoff handoff = decode_handoff(bytes);
    fuzz::expect(encode_handoff(handoff) == bytes);
    for (const HandoffTensor& tensor : handoff.tensors) {
      std::size_t count = 1;
      for (const std::int64_t dim : tensor.shape) count *= static_cast<std::size_t>(dim);
      std::vector<std::int64_t> to(count);
      unpack(tensor, reinterpret_cast<std::byte*>(to.data()));
    }
    check_handoff(bundle.manifest(), handoff);
    ExitState state(handoff.num_exits, make_readout(bundle.manifest()));
    state.begin(nullptr);
    restore(handoff, state, {});
  });
  return 0;
}
