#pragma once

#include <filesystem>
#include <string>

namespace eenet {

/// What this machine's times depend on, as the operating system calls it: the processor, on Arm the
/// board; the `device` of a measured profile. Never empty.
///
/// @param root Of the file system, for tests.
std::string device_name(const std::filesystem::path& root = "/");

}  // namespace eenet
