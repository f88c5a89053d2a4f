#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "eenet/c_api.h"
#include "eenet/runtime.h"

/// What a C program's handle stands for.
struct eenet_runtime {
  explicit eenet_runtime(std::unique_ptr<eenet::Runtime> loaded);
  eenet_runtime(const eenet_runtime&) = delete;
  eenet_runtime& operator=(const eenet_runtime&) = delete;

  const std::unique_ptr<eenet::Runtime> owned;
  eenet::Runtime& runtime;
  eenet_info info{};  // Points into the model and the members below.

 private:
  void describe_inputs();

  std::string backend_;
  std::vector<const char*> classes_;
  std::vector<const char*> targets_;
  std::vector<eenet_input> inputs_;
  std::vector<std::vector<std::int64_t>> shapes_;  // Two an input: as it is, and at its largest.
};
