// The check that an ONNX file keeps its weights inside.
#include "backends/ort/onnx_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  eenet::fuzz::refuse_or(
      [&] { eenet::ort::check_self_contained(eenet::fuzz::bytes_of(data, size), "file"); });
  return 0;
}
