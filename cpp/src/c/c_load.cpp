#include "c/c_load.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "eenet/error.h"

#include "c/c_struct.h"

namespace eenet::c {
namespace {

constexpr const char* kDefaultLibrary = "libonnxruntime.so";

/// The provider asked for, and cpu for what it does not take.
std::vector<ProviderSpec> providers(const eenet_load_options& given) {
  ProviderSpec spec{given.provider};
  for (std::size_t i = 0; i < given.num_provider_options; ++i) {
    const eenet_option& option = given.provider_options[i];
    require(option.name, "provider_options: name");
    require(option.value, "provider_options: value");
    spec.options[option.name] = option.value;
  }
  std::vector<ProviderSpec> out = {std::move(spec)};
  if (out.front().name != "cpu") out.push_back({"cpu"});
  return out;
}

}  // namespace

LoadOptions load_options(const eenet_load_options& given) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  LoadOptions options;
  if (given.threads != 0) {
    // What is out of range is said by the backend, which knows the range.
    options.threads = static_cast<int>(std::clamp(given.threads, -kMost, kMost));
  }
  if (given.cost_profile != nullptr) {
    options.cost_profile.emplace(given.cost_profile, given.cost_profile + given.num_costs);
  }
  if (given.load_timeout != 0) {
    options.timeout = std::chrono::duration<double>(given.load_timeout);
  }
  if (given.memory_limit != 0) options.memory_limit = given.memory_limit;
  if (given.provider != nullptr) options.providers = providers(given);
  if (given.plugin != nullptr) {
    require(given.provider, "provider");
    options.files.plugins[given.provider] = given.plugin;
  }
  options.files.libraries["onnxruntime"] = {given.onnxruntime != nullptr ? given.onnxruntime
                                                                         : kDefaultLibrary};
  return options;
}

std::optional<Budget> load_budget(const eenet_load_options& given) {
  if (given.budget != 0 && given.budget_share != 0) {
    throw Error(ErrorCode::kInput, "budget and budget_share: both came, at most one expected");
  }
  if (given.budget_share != 0) return Budget::share(given.budget_share);
  if (given.budget != 0) return Budget(given.budget);
  return std::nullopt;
}

}  // namespace eenet::c
