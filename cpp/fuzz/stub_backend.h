#pragma once

#include <memory>

#include "eenet/manifest.h"

#include "backends/backend.h"

namespace eenet::fuzz {

/// Opens whatever the manifest lists as the segment that it promises, which writes small numbers to
/// all of its outputs: for what must not run an inference library.
std::shared_ptr<const Backend> stub_backend(Manifest manifest);

/// Numbers in all tensors of the largest sample together.
double elements_of(const Manifest& manifest);

}  // namespace eenet::fuzz
