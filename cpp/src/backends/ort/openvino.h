#pragma once

#include <string>

namespace eenet::ort {

/// The `load_config` of the OpenVINO plug-in: OpenVINO's properties of a device, as JSON.
///
/// Two are added unless they are given: as many threads as every provider gets, and arithmetic in
/// float32, which is what a bundle promises; left to itself OpenVINO takes bfloat16 where the
/// processor has it.
/// @param given The user's, `{"CPU": {"NAME": value}}`; empty: none.
/// @param device `CPU`, `GPU` or `NPU`.
/// @throws Error(kInput) if it is no such JSON.
std::string openvino_load_config(const std::string& given, const std::string& device, int threads);

}  // namespace eenet::ort
