#include "backends/ort/backend.h"

#include <algorithm>
#include <utility>

#include "eenet/error.h"

#include "backends/ort/device_memory.h"
#include "backends/ort/environment.h"
#include "backends/ort/known_provider.h"
#include "backends/ort/onnx_file.h"
#include "backends/ort/provider.h"
#include "backends/ort/segment.h"
#include "backends/ort/session_setup.h"
#include "backends/registry.h"
#include "util/text.h"

namespace eenet {
namespace {

class OrtBackend : public Backend {
 public:
  OrtBackend(const ort::Environment& environment, std::vector<ort::Provider> providers)
      : environment_(environment),
        providers_(std::move(providers)),
        setup_(make_session_setup(environment, providers_)) {
    if (!setup_.device_memory) return;
    const std::vector<ort::Provider> gathering = {gathering_provider(providers_.front())};
    memory_ = std::make_unique<ort::DeviceMemory>(environment,
                                                  make_session_setup(environment, gathering));
  }

  std::string provider() const override { return providers_.front().key; }

  Accelerator accelerator() const override { return providers_.front().known->accelerator; }

  std::string version() const override {
    std::vector<std::string> versions = {cat("onnxruntime ", environment_.library().version)};
    for (const ort::Provider& provider : providers_) {
      if (!provider.version.empty()) versions.push_back(provider.version);
    }
    return join(versions);
  }

  std::unique_ptr<Segment> open(const std::string& name, std::span<const std::byte> bytes,
                                const OpenOptions& options) const override {
    ort::check_self_contained(bytes, name);
    return std::make_unique<ort::OrtSegment>(environment_, setup_, name, bytes, options.stop);
  }

  std::unique_ptr<DeviceBuffer> allocate(DType dtype, std::size_t bytes) const override {
    return memory_ ? memory_->allocate(dtype, bytes) : nullptr;
  }

 private:
  const ort::Environment& environment_;
  std::vector<ort::Provider> providers_;
  ort::SessionSetup setup_;
  std::unique_ptr<ort::DeviceMemory> memory_;  // Null: tensors are in host memory.
};

std::vector<std::string_view> names() {
  std::vector<std::string_view> out;
  for (const ort::KnownProvider& known : ort::known_providers()) out.push_back(known.name);
  return out;
}

Accelerator accelerator(std::string_view provider) {
  return ort::known_provider(std::string(provider)).accelerator;
}

std::vector<ProviderInfo> list(const LibraryFiles& files) {
  const ort::Library library = ort::open_library(files);
  const std::vector<std::string> built_in = library.built_in();
  std::vector<ProviderInfo> out;
  for (const ort::KnownProvider& known : ort::known_providers()) {
    const std::string name(known.name);
    const bool plugin = known.kind == ort::ProviderKind::kPlugin;
    const auto file = files.plugins.find(name);
    const bool here =
        plugin ? library.functions.api_version >= ort::kPluginApi && file != files.plugins.end()
               : std::find(built_in.begin(), built_in.end(), known.official_name) != built_in.end();
    if (!here) continue;
    out.push_back({name, ort::kBackendName, std::string(known.official_name), library.version,
                   plugin ? file->second : library.path});
  }
  return out;
}

}  // namespace

std::shared_ptr<const Backend> open_onnxruntime(const LoadOptions& options) {
  constexpr int kMostThreads = 1024;
  if (options.threads < 1 || options.threads > kMostThreads) {
    throw Error(ErrorCode::kConfiguration,
                cat("threads: ", options.threads, " came, 1 to ", kMostThreads, " expected"));
  }
  ort::check_providers(options.providers);  // Before the environment, which is for good.
  const ort::Environment& environment = ort::Environment::get(options);
  return std::make_shared<const OrtBackend>(environment, open_providers(environment, options));
}

BackendKind onnxruntime_kind() {
  return {ort::kBackendName, &names, &accelerator, &open_onnxruntime, &list};
}

}  // namespace eenet
