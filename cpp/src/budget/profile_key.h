#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eenet/manifest.h"

namespace eenet {

/// The conditions under which a measured profile holds.
struct ProfileKey {
  std::string device;
  std::string provider;
  std::string precision;
  std::int64_t threads = 1;
  std::int64_t batch = 1;
};

/// @return The measured profile that was made under these conditions, or null.
const Profile* find_profile(const std::vector<Profile>& profiles, const ProfileKey& key);

}  // namespace eenet
