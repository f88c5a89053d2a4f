#include "c/c_runtime.h"

#include <string>
#include <utility>

namespace {

using eenet::DType;
using eenet::StopReason;

static_assert(static_cast<int>(DType::kFloat32) == EENET_FLOAT32);
static_assert(static_cast<int>(DType::kInt64) == EENET_INT64);
static_assert(static_cast<int>(DType::kFloat16) == EENET_FLOAT16);
static_assert(static_cast<int>(DType::kInt32) == EENET_INT32);
static_assert(static_cast<int>(DType::kUInt8) == EENET_UINT8);
static_assert(static_cast<int>(StopReason::kPolicy) == EENET_STOP_POLICY);
static_assert(static_cast<int>(StopReason::kMaxExit) == EENET_STOP_MAX_EXIT);
static_assert(static_cast<int>(StopReason::kDeadline) == EENET_STOP_DEADLINE);
static_assert(static_cast<int>(StopReason::kForcedExit) == EENET_STOP_FORCED_EXIT);
static_assert(static_cast<int>(StopReason::kHandedOn) == EENET_STOP_HANDED_ON);

}  // namespace

eenet_runtime::eenet_runtime(std::unique_ptr<eenet::Runtime> loaded)
    : owned(std::move(loaded)), runtime(*owned), backend_(runtime.library()) {
  const eenet::Manifest& manifest = runtime.manifest();
  const eenet::BudgetTable& budgets = runtime.budgets();
  for (const std::string& name : manifest.class_names) classes_.push_back(name.c_str());
  for (const std::string& name : manifest.target_names) targets_.push_back(name.c_str());
  describe_inputs();
  info.struct_size = sizeof info;
  info.model = manifest.model.c_str();
  info.id = manifest.id.c_str();
  info.preprocessing = manifest.preprocessing.c_str();
  info.backend = backend_.c_str();
  info.num_exits = manifest.num_exits();
  info.num_classes = classes_.size();
  info.classes = classes_.data();
  info.task = manifest.task.c_str();
  info.num_values = targets_.size();
  info.targets = targets_.data();
  info.num_inputs = inputs_.size();
  info.inputs = inputs_.data();
  info.unit = budgets.unit().c_str();
  info.costs = budgets.profile() ? budgets.profile()->costs.data() : nullptr;
  info.num_schedules = budgets.schedules().size();
  info.budgets = budgets.profile() ? budgets.budgets().data() : nullptr;
}

void eenet_runtime::describe_inputs() {
  const eenet::Manifest& manifest = runtime.manifest();
  shapes_.reserve(2 * manifest.inputs.size());  // So that pointers into it stay.
  for (const std::size_t input : manifest.inputs) {
    const eenet::TensorSpec& spec = manifest.tensors[input];
    std::vector<std::int64_t>& shape = shapes_.emplace_back();
    std::vector<std::int64_t>& largest = shapes_.emplace_back();
    for (std::size_t i = 1; i < spec.shape.size(); ++i) {  // The first one is the batch.
      const eenet::Dim& dim = spec.shape[i];
      shape.push_back(dim.symbol ? -1 : dim.size);
      largest.push_back(dim.symbol ? manifest.symbols[*dim.symbol].max : dim.size);
    }
    inputs_.push_back({spec.name.c_str(), static_cast<std::int64_t>(spec.dtype), shape.size(),
                       shape.data(), largest.data()});
  }
}
