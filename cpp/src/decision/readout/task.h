#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eenet/manifest.h"

#include "decision/readout.h"

namespace eenet {

/// A kind of question that networks answer, as the manifest names it: where its readout comes from.
struct Task {
  std::string_view name;
  std::int64_t feature_spec;  ///< Of its readout, as schedules name it.
  std::unique_ptr<Readout> (*make_readout)(const Manifest& manifest);
  const char* names_key;  ///< What the manifest calls the names of its answers.
  std::vector<std::string> Manifest::* names;
  std::size_t least_names;
  bool has_error_scale;  ///< Whether the manifest has one.
  /// Whether tensors are what an exit of such a network puts out.
  bool (*are_outputs)(const Manifest& manifest, std::span<const TensorSpec* const> tensors);
  /// What they should be, in words.
  std::string (*expected_outputs)(const Manifest& manifest);
};

std::span<const Task> tasks();

/// @return Null if there is none of the name.
const Task* find_task(std::string_view name);

/// Of the task of a manifest that was checked.
std::unique_ptr<Readout> make_readout(const Manifest& manifest);

}  // namespace eenet
