#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/options.h"

#include "backends/backend.h"

namespace eenet {

/// A kind of backend, found by the names of its providers.
struct BackendKind {
  std::string_view name;
  /// As in ProviderSpec; no other kind has any of them.
  std::vector<std::string_view> (*provider_names)();
  /// What one of these computes on.
  Accelerator (*accelerator)(std::string_view provider);
  /// Opens the library, with the providers of the options and no others.
  std::shared_ptr<const Backend> (*open)(const LoadOptions& options);
  /// The providers that are here. Opens no more than it must.
  std::vector<ProviderInfo> (*list)(const LibraryFiles& files);
};

/// ONNX Runtime, opened at run time; see open_onnxruntime() (backends/ort).
BackendKind onnxruntime_kind();

/// Which backends there are. Immutable.
class BackendRegistry {
 public:
  explicit BackendRegistry(std::vector<BackendKind> kinds) : kinds_(std::move(kinds)) {}
  /// Those that this library is made of.
  static const BackendRegistry& built_in();

  /// The backend of the providers that are asked for.
  /// @throws Error(kInput) if there are none, one is unknown, or they are of several backends;
  ///   Error as the backend's own open() else.
  std::shared_ptr<const Backend> open(const LoadOptions& options) const;

  /// What a provider computes on, without opening it.
  /// @throws Error(kInput) if it is unknown.
  Accelerator accelerator(const std::string& provider) const;

  std::vector<std::string_view> provider_names() const;
  std::vector<ProviderInfo> list(const LibraryFiles& files) const;

 private:
  const BackendKind& kind_of(const std::string& provider) const;

  std::vector<BackendKind> kinds_;
};

}  // namespace eenet
