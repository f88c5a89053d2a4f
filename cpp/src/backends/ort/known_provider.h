#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/options.h"

#include "core/device.h"

namespace eenet::ort {

enum class ProviderKind { kCpu, kCuda, kTensorRt, kPlugin };

/// A provider that this runtime knows how to ask for.
struct KnownProvider {
  std::string_view name;  ///< As in ProviderSpec, and in the key of a measured profile.
  std::string_view official_name;
  ProviderKind kind;
  std::string_view package;  ///< What pip installs to get it.
  Accelerator accelerator = Accelerator::kNone;
  std::string_view vendor = {};  ///< Whose hardware alone it serves, on processors too; empty: any.
};

std::span<const KnownProvider> known_providers();

/// @throws Error(kInput) if there is none of that name.
const KnownProvider& known_provider(const std::string& name);

/// The providers asked for, checked: each is known and there once, and `cpu` comes last.
/// @throws Error(kInput) otherwise.
std::vector<const KnownProvider*> check_providers(const std::vector<ProviderSpec>& specs);

}  // namespace eenet::ort
