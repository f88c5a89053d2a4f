#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// What computes segments, asked for by name.
struct ProviderSpec {
  /// `cpu`, `openvino`, or `BACKEND:NAME`, as `onnxruntime:cuda`: one of provider_names().
  std::string name;
  /// What docs/providers.md lists for it; every value as text.
  std::map<std::string, std::string> options = {};
};

/// A provider that is installed.
struct ProviderInfo {
  std::string name;           ///< As in ProviderSpec.
  std::string backend;        ///< Name of the inference library, as `onnxruntime`.
  std::string official_name;  ///< That library's own name of it.
  std::string version;        ///< Of that library.
  std::string library;        ///< The file that holds it: that library, or a plug-in.
};

/// Where the libraries are that backends open.
struct LibraryFiles {
  /// Name of a backend to the libraries to try in order, after those that docs/cpp.md names.
  std::map<std::string, std::vector<std::string>> libraries = {};
  /// Name of a provider to the library that plugs it in.
  std::map<std::string, std::string> plugins = {};
};

/// All that can be asked for, whether or not it is here.
std::vector<std::string_view> provider_names();

/// The providers that are here. Whether a device that they need works is only known when one is
/// opened.
/// @throws Error(kBackend) if no usable ONNX Runtime is found.
std::vector<ProviderInfo> list_providers(const LibraryFiles& files);

}  // namespace eenet
