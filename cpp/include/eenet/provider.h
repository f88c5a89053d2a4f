#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "eenet/export.h"

namespace EENET_API eenet {

/// An execution provider of ONNX Runtime, asked for by name.
struct ProviderSpec {
  /// `cpu`, `openvino`, `cuda`, `tensorrt`, `nv_tensorrt_rtx`, or ONNX Runtime's own name, as
  /// `OpenVINOExecutionProvider`.
  std::string name;
  /// What docs/providers.md lists for it; every value as text.
  std::map<std::string, std::string> options = {};
};

/// A provider that is installed.
struct ProviderInfo {
  std::string name;           ///< As in ProviderSpec, the short one.
  std::string official_name;  ///< ONNX Runtime's own.
  std::string version;        ///< Of ONNX Runtime.
  std::string library;        ///< The file that holds it: ONNX Runtime's, or a plug-in.
};

/// Where ONNX Runtime and its plug-ins are looked for.
struct OnnxRuntimeFiles {
  /// Libraries to try after EENET_ORT_LIB and a copy that the process already has.
  std::vector<std::string> libraries = {};
  /// Short name of a provider to the library that plugs it in.
  std::map<std::string, std::string> plugins = {};
};

/// The providers that open_onnxruntime() can be asked for here. Whether a device that they need
/// works is only known when one is opened.
/// @throws Error(kBackend) if no usable ONNX Runtime is found.
std::vector<ProviderInfo> list_providers(const OnnxRuntimeFiles& files);

}  // namespace eenet
