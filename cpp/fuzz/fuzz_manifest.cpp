// manifest.json, and what is worked out from it.
#include "eenet/manifest.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace eenet;
  fuzz::refuse_or([&] {
    const Manifest manifest = parse_manifest(fuzz::text_of(data, size));
    fuzz::expect(manifest.end_exit() <= manifest.num_exits());
    fuzz::expect(manifest.parameters.size() == manifest.num_exits());
    for (std::size_t exit = manifest.first_exit(); exit <= manifest.end_exit(); ++exit) {
      for (const std::size_t tensor : live_tensors(manifest, exit)) {
        fuzz::expect(tensor < manifest.tensors.size());
      }
    }
    for (const SegmentSpec& segment : manifest.segments) {
      fuzz::expect(manifest.find_file(segment.onnx_file) != nullptr);
    }
  });
  return 0;
}
