#pragma once

#include <filesystem>
#include <memory>

#include "eenet/runtime.h"

#include "backends/backend.h"

namespace eenet {

/// Runtime::load(), with segments opened by this backend, whatever providers the options name.
std::unique_ptr<Runtime> load_runtime(const std::filesystem::path& path, const LoadOptions& options,
                                      std::shared_ptr<const Backend> backend);

}  // namespace eenet
