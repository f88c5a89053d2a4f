#pragma once

#include <memory>

#include "eenet/options.h"

#include "backends/backend.h"

namespace eenet {

/// ONNX Runtime, opened at run time, with the execution providers asked for and no other.
///
/// The library, its environment and threads, and plug-ins stay until the process ends. One pool of
/// threads serves the process: the first call fixes it. Parts of the network that no provider
/// takes are an error: `cpu`, which takes everything, must be asked for like any other, and comes
/// last.
/// @throws Error(kInput) if a provider or an option of one is unknown.
/// @throws Error(kBackend) if no usable library is found, or a provider is not there.
/// @throws Error(kConfiguration) if the process already runs with another number of threads, or
///   was forked from one that had loaded the library.
std::shared_ptr<const Backend> open_onnxruntime(const LoadOptions& options);

}  // namespace eenet
