#pragma once

#include <string>

namespace eenet {

/// Name of this machine's processor as the operating system gives it; the `device` of a measured
/// profile. Never empty.
std::string device_name();

}  // namespace eenet
