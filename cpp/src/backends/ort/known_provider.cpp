#include "backends/ort/known_provider.h"

#include <algorithm>
#include <array>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet::ort {
namespace {

constexpr std::array<KnownProvider, 5> kKnown = {{
    {"cpu", "CPUExecutionProvider", ProviderKind::kCpu, "onnxruntime"},
    {"openvino", "OpenVINOExecutionProvider", ProviderKind::kPlugin, "onnxruntime-ep-openvino",
     Accelerator::kNone, "Intel"},
    {"onnxruntime:cuda", "CUDAExecutionProvider", ProviderKind::kCuda, "onnxruntime-gpu",
     Accelerator::kNvidia},
    {"onnxruntime:tensorrt", "TensorrtExecutionProvider", ProviderKind::kTensorRt,
     "onnxruntime-gpu", Accelerator::kNvidia},
    {"onnxruntime:nv_tensorrt_rtx", "NvTensorRTRTXExecutionProvider", ProviderKind::kPlugin,
     "onnxruntime-ep-nv-tensorrt-rtx", Accelerator::kNvidia},
}};

}  // namespace

std::span<const KnownProvider> known_providers() {
  return kKnown;
}

const KnownProvider& known_provider(const std::string& name) {
  const auto found = std::ranges::find(kKnown, name, &KnownProvider::name);
  if (found != kKnown.end()) return *found;
  throw Error(ErrorCode::kInput,
              cat("providers: ", quote_name(name), " came, one of ONNX Runtime's expected"));
}

std::vector<const KnownProvider*> check_providers(const std::vector<ProviderSpec>& specs) {
  std::vector<const KnownProvider*> out;
  for (const ProviderSpec& spec : specs) {
    const KnownProvider& known = known_provider(spec.name);
    if (std::find(out.begin(), out.end(), &known) != out.end()) {
      throw Error(ErrorCode::kInput,
                  cat("providers: '", known.name, "' came twice, once expected"));
    }
    if (!out.empty() && out.back()->kind == ProviderKind::kCpu) {
      throw Error(ErrorCode::kInput, cat("providers: '", known.name,
                                         "' came after 'cpu', which takes everything; 'cpu' is "
                                         "expected to come last"));
    }
    out.push_back(&known);
  }
  return out;
}

}  // namespace eenet::ort
