#pragma once

#include <memory>
#include <vector>

#include "backends/ort/provider.h"

namespace eenet::ort {

/// How every session of a backend is opened and run.
struct SessionSetup {
  Handle<SessionOptions> options;
  /// An input in host memory is copied when it is bound, rather than read there on every run.
  bool copies_inputs = false;
  /// Where tensors are that go from segment to segment; null: in host memory.
  std::shared_ptr<const MemoryInfo> device_memory;
};

/// @throws Error(kInput) if a provider does not know an option, Error(kBackend) if it fails.
SessionSetup make_session_setup(const Environment& environment,
                                const std::vector<Provider>& providers);

}  // namespace eenet::ort
