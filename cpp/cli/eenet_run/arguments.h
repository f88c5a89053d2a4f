#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eenet/budget.h"

namespace eenet::tools {

/// An array file and the input that it is for.
struct InputFile {
  std::optional<std::string> name;  ///< None: the input in the file's place.
  std::string path;
};

/// What eenet-run was asked for.
struct Arguments {
  std::string bundle;
  std::vector<InputFile> inputs;
  std::optional<Budget> budget;
  int threads = 1;
  std::optional<std::string> onnxruntime;
  bool full_depth = false;
  bool json = false;
  bool outputs = false;
  bool help = false;     ///< Nothing else counts.
  bool version = false;  ///< Nothing else counts.
};

extern const char* const kHelp;

/// @param words Those after the name of the program.
/// @throws Error(kInput) for a user's mistake.
Arguments parse_arguments(const std::vector<std::string>& words);

}  // namespace eenet::tools
