#pragma once

#include <string>
#include <vector>

#include "eenet/options.h"

#include "backends/ort/api.h"

namespace eenet::ort {

/// The name that this backend goes by.
constexpr const char* kBackendName = "onnxruntime";

/// An ONNX Runtime library that is loaded for good.
struct Library {
  std::string path;
  std::string version;
  Functions functions;

  /// ONNX Runtime's names of the providers that are built in.
  std::vector<std::string> built_in() const;
};

/// Opens, in this order: EENET_ORT_LIB; a libonnxruntime.so that the process already has; the first
/// of those that `files` has for this backend. Whichever is found first is used or refused: none is
/// passed over silently.
/// @throws Error(kBackend) naming what was searched, or what is wrong with what was found.
Library open_library(const LibraryFiles& files);

/// Whether a library of this version can be used: 1.19.2 or newer, before 2.
/// @param api_version The interface version to ask for, if it can.
bool supported_version(const std::string& version, std::uint32_t& api_version);

}  // namespace eenet::ort
