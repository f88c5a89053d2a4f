#include "backends/registry.h"

#include <algorithm>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {

const BackendRegistry& BackendRegistry::built_in() {
  static const BackendRegistry registry({onnxruntime_kind()});
  return registry;
}

const BackendKind& BackendRegistry::kind_of(const std::string& provider) const {
  for (const BackendKind& kind : kinds_) {
    const std::vector<std::string_view> names = kind.provider_names();
    if (std::ranges::find(names, provider) != names.end()) return kind;
  }
  throw Error(ErrorCode::kInput, cat("providers: ", quote_name(provider), " came, one of ",
                                     join(provider_names()), " expected"));
}

std::shared_ptr<const Backend> BackendRegistry::open(const LoadOptions& options) const {
  if (options.providers.empty()) {
    throw Error(ErrorCode::kInput, "providers: none came, at least one expected, as 'cpu'");
  }
  const BackendKind& kind = kind_of(options.providers.front().name);
  for (const ProviderSpec& spec : options.providers) {
    const BackendKind& other = kind_of(spec.name);
    if (&other == &kind) continue;
    throw Error(ErrorCode::kInput,
                cat("providers: '", spec.name, "' of ", other.name, " came after '",
                    options.providers.front().name, "' of ", kind.name, ", one backend expected"));
  }
  return kind.open(options);
}

Accelerator BackendRegistry::accelerator(const std::string& provider) const {
  return kind_of(provider).accelerator(provider);
}

std::vector<std::string_view> BackendRegistry::provider_names() const {
  std::vector<std::string_view> out;
  for (const BackendKind& kind : kinds_) {
    const std::vector<std::string_view> names = kind.provider_names();
    out.insert(out.end(), names.begin(), names.end());
  }
  return out;
}

std::vector<ProviderInfo> BackendRegistry::list(const LibraryFiles& files) const {
  std::vector<ProviderInfo> out;
  for (const BackendKind& kind : kinds_) {
    for (ProviderInfo& info : kind.list(files)) out.push_back(std::move(info));
  }
  return out;
}

std::vector<std::string_view> provider_names() {
  return BackendRegistry::built_in().provider_names();
}

std::vector<ProviderInfo> list_providers(const LibraryFiles& files) {
  return BackendRegistry::built_in().list(files);
}

}  // namespace eenet
