#pragma once

#include <map>
#include <string>
#include <vector>

#include "backends/ort/environment.h"
#include "backends/ort/known_provider.h"

namespace eenet::ort {

/// A provider that is there, with what ONNX Runtime is to be told for it.
struct Provider {
  const KnownProvider* known = nullptr;
  std::map<std::string, std::string> options;
  const EpDevice* device = nullptr;  ///< Of a plug-in; owned by the environment.
  std::string key;                   ///< The `provider` of a measured profile.
  std::string version;               ///< Of a plug-in.
  /// Tensors that go from segment to segment stay in the device's memory, if it has any.
  bool device_memory = false;
};

/// The option that says so.
constexpr const char* kDeviceMemoryOption = "device_memory";

/// Finds the providers asked for, plug-ins loaded, and checks and completes their options.
/// @throws Error(kInput) for an option that is unknown or malformed.
/// @throws Error(kBackend) for a provider that is not there.
std::vector<Provider> open_providers(const Environment& environment, const LoadOptions& options);

/// A provider that gathers rows in the same memory, at once and for any number of them.
Provider gathering_provider(const Provider& provider);

}  // namespace eenet::ort
