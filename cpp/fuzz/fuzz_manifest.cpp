// manifest.json, and what is worked out from it; its preprocessing, on a small image.
#include <vector>

#include "eenet/manifest.h"
#include "eenet/preprocessing.h"

#include "bundle/manifest_text.h"
#include "fuzz.h"

namespace {

constexpr std::size_t kSmall = 64;
constexpr std::size_t kHeight = 5;
constexpr std::size_t kWidth = 7;

}  // namespace

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
    const auto steps = ImagePreprocessing::parse(manifest.preprocessing);
    if (steps.height() > kSmall || steps.width() > kSmall) return;
    std::vector<float> out(steps.channels() * steps.height() * steps.width());
    const std::vector<std::uint8_t> image(steps.channels() * kHeight * kWidth, 255);
    if (steps.resizes()) steps.run(image, kHeight, kWidth, out);
  });
  return 0;
}
