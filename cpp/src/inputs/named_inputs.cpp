#include "inputs/named_inputs.h"

#include <cstddef>
#include <string>

#include "eenet/error.h"

#include "util/text.h"

namespace eenet {
namespace {

const std::string& input_name(const Manifest& manifest, std::size_t place) {
  return manifest.tensors[manifest.inputs[place]].name;
}

std::string input_names(const Manifest& manifest) {
  std::vector<std::string> names;
  for (std::size_t place = 0; place < manifest.inputs.size(); ++place) {
    names.push_back(quote_name(input_name(manifest, place)));
  }
  return join(names);
}

std::size_t find_place(const Manifest& manifest, std::string_view name) {
  for (std::size_t place = 0; place < manifest.inputs.size(); ++place) {
    if (input_name(manifest, place) == name) return place;
  }
  throw Error(ErrorCode::kInput,
              cat("input ", quote_name(name), " came, ", input_names(manifest), " expected"));
}

}  // namespace

std::vector<TensorView> order_inputs(const Manifest& manifest,
                                     std::span<const NamedTensor> tensors) {
  const std::size_t count = manifest.inputs.size();
  if (tensors.size() != count) {
    throw Error(ErrorCode::kInput, cat("inputs: ", tensors.size(), " tensors came, ", count,
                                       " expected: ", input_names(manifest)));
  }
  std::vector<TensorView> ordered(count);
  std::vector<bool> filled(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& name = tensors[i].name;
    const std::size_t place = name ? find_place(manifest, *name) : i;
    if (filled[place]) {
      throw Error(ErrorCode::kInput,
                  cat("input ", quote_name(input_name(manifest, place)), " came twice"));
    }
    filled[place] = true;
    ordered[place] = tensors[i].view;
  }
  return ordered;
}

}  // namespace eenet
