#include "decision/readout/task.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "decision/readout/classification.h"
#include "decision/readout/regression.h"
#include "util/text.h"

namespace eenet {
namespace {

std::unique_ptr<Readout> make_classification(const Manifest& manifest) {
  return std::make_unique<Classification>(manifest.num_exits(), manifest.num_classes());
}

/// Whether a tensor is float32 [batch, columns]; of any width if 0.
bool is_matrix(const TensorSpec& tensor, std::size_t columns) {
  return tensor.dtype == DType::kFloat32 && tensor.shape.size() == 2 && !tensor.shape[1].symbol &&
         (columns == 0 || tensor.shape[1].size == static_cast<std::int64_t>(columns));
}

bool are_logits(const Manifest& manifest, std::span<const TensorSpec* const> tensors) {
  return tensors.size() == 1 && is_matrix(*tensors[0], manifest.num_classes());
}

std::string logits_in_words(const Manifest& manifest) {
  const std::size_t classes = manifest.num_classes();
  return cat("the logits of an exit, float32 [batch, ", classes, "] for the ", classes,
             " names in 'class_names'");
}

std::unique_ptr<Readout> make_regression(const Manifest& manifest) {
  std::vector<std::size_t> hidden(manifest.num_exits());
  for (std::size_t k = manifest.first_exit(); k < manifest.end_exit(); ++k) {
    const TensorSpec& tensor = manifest.tensors[manifest.segment(k).exit[1]];
    hidden[k] = static_cast<std::size_t>(tensor.shape[1].size);
  }
  return std::make_unique<Regression>(manifest.target_names.size(), std::move(hidden),
                                      manifest.error_scale);
}

bool are_value_and_hidden(const Manifest& manifest, std::span<const TensorSpec* const> tensors) {
  return tensors.size() == 2 && is_matrix(*tensors[0], manifest.target_names.size()) &&
         is_matrix(*tensors[1], 0);
}

std::string value_and_hidden_in_words(const Manifest& manifest) {
  const std::size_t values = manifest.target_names.size();
  return cat("the value of an exit, float32 [batch, ", values, "] for the ", values,
             values == 1 ? " name" : " names",
             " in 'target_names', and its hidden features, float32 [batch, H]");
}

constexpr std::array<Task, 2> kTasks = {
    {{"classification", 1, &make_classification, "class_names", &Manifest::class_names, 2, false,
      &are_logits, &logits_in_words},
     {"regression", 3, &make_regression, "target_names", &Manifest::target_names, 1, true,
      &are_value_and_hidden, &value_and_hidden_in_words}}};

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

}  // namespace eenet
