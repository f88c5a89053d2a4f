#pragma once

#include <map>
#include <string>
#include <vector>

#include "ort/environment.h"
#include "ort/known_provider.h"

namespace eenet::ort {

/// A provider that is there, with what ONNX Runtime is to be told for it.
struct Provider {
  const KnownProvider* known = nullptr;
  std::map<std::string, std::string> options;
  const EpDevice* device = nullptr;  ///< Of a plug-in; owned by the environment.
  std::string key;                   ///< The `provider` of a measured profile.
  std::string version;               ///< Of a plug-in.
};

/// Finds the providers asked for, plug-ins loaded, and checks and completes their options.
/// @throws Error(kInput) for an option that is unknown or malformed.
/// @throws Error(kBackend) for a provider that is not there.
std::vector<Provider> open_providers(const Environment& environment,
                                     const OnnxRuntimeOptions& options);

}  // namespace eenet::ort
