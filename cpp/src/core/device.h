#pragma once

#include <filesystem>
#include <string>

namespace eenet {

/// What computes beside the processor.
enum class Accelerator : int {
  kNone,
  kNvidia,  ///< A GPU of NVIDIA.
};

/// What this machine's times depend on, as the operating system calls it: the processor, on Arm the
/// board, of a Jetson with the power mode in force; and the GPU, where one computes. The `device`
/// of a measured profile. Never empty.
///
/// @param root Of the file system, for tests.
std::string device_name(Accelerator accelerator = Accelerator::kNone,
                        const std::filesystem::path& root = "/");

}  // namespace eenet
