#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "eenet/c_api.h"
#include "eenet/model.h"
#include "eenet/runtime.h"

/// What a C program's handle stands for.
struct eenet_runtime {
  /// @throws Error as eenet::Runtime.
  eenet_runtime(std::shared_ptr<const eenet::Model> model, std::optional<eenet::Budget> budget);
  eenet_runtime(const eenet_runtime&) = delete;
  eenet_runtime& operator=(const eenet_runtime&) = delete;

  eenet::Runtime runtime;
  eenet_info info{};  // Points into the model and the members below.

 private:
  void describe_inputs();

  std::string backend_;
  std::vector<const char*> classes_;
  std::vector<eenet_input> inputs_;
  std::vector<std::vector<std::int64_t>> shapes_;  // Two an input: as it is, and at its largest.
};
