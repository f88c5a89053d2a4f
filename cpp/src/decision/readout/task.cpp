#include "decision/readout/task.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "decision/readout/classification.h"
#include "util/text.h"

namespace eenet {
namespace {

std::unique_ptr<Readout> make_classification(const Manifest& manifest) {
  return std::make_unique<Classification>(manifest.num_exits(), manifest.num_classes());
}

bool is_logits(const Manifest& manifest, const TensorSpec& tensor) {
  return tensor.dtype == DType::kFloat32 && tensor.shape.size() == 2 && !tensor.shape[1].symbol &&
         tensor.shape[1].size == static_cast<std::int64_t>(manifest.num_classes());
}

std::string logits_in_words(const Manifest& manifest) {
  const std::size_t classes = manifest.num_classes();
  return cat("the logits of an exit, float32 [batch, ", classes, "] for the ", classes,
             " names in 'class_names'");
}

constexpr std::array<Task, 1> kTasks = {
    {{"classification", 1, &make_classification, &is_logits, &logits_in_words}}};

}  // namespace

std::span<const Task> tasks() {
  return kTasks;
}

const Task* find_task(std::string_view name) {
  const auto* const found = std::ranges::find(kTasks, name, &Task::name);
  return found == kTasks.end() ? nullptr : found;
}

std::unique_ptr<Readout> make_readout(const Manifest& manifest) {
  return find_task(manifest.task)->make_readout(manifest);
}

std::vector<std::size_t> count_features(const Manifest& manifest) {
  const std::unique_ptr<Readout> readout = make_readout(manifest);
  std::vector<std::size_t> out(manifest.num_exits());
  for (std::size_t exit = 0; exit < out.size(); ++exit) out[exit] = readout->num_features(exit);
  return out;
}

}  // namespace eenet
