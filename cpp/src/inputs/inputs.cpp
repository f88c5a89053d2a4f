#include "inputs/inputs.h"

#include <cstddef>
#include <string>

#include "eenet/error.h"

#include "util/finite.h"
#include "util/text.h"

namespace eenet {
namespace {

[[noreturn]] void refuse(const TensorSpec& spec, const std::string& complaint) {
  throw Error(ErrorCode::kInput, cat("input ", quote_name(spec.name), ": ", complaint));
}

/// How a shape reads in a message, as `(3, 32, 32)` or `(1 <= tokens <= 512)`.
/// @param values Per symbol; 0 until an input decides it.
std::string expected_shape(const Manifest& manifest, std::span<const Dim> dims,
                           const std::vector<std::int64_t>& values) {
  const auto text = [&](const Dim& dim) {
    if (!dim.symbol) return cat(dim.size);
    const Symbol& symbol = manifest.symbols[*dim.symbol];
    const std::int64_t decided = values[*dim.symbol];
    return decided == 0 ? cat("1 <= ", symbol.name, " <= ", symbol.max)
                        : cat(symbol.name, " = ", decided);
  };
  std::vector<std::string> texts;
  for (const Dim& dim : dims) texts.push_back(text(dim));
  return cat("(", join(texts), ")");
}

template <typename T>
std::span<const T> as(std::span<const std::byte> values) {
  return {reinterpret_cast<const T*>(values.data()), values.size() / sizeof(T)};
}

template <typename T>
void check_finite(const TensorSpec& spec, std::span<const T> values,
                  std::span<const std::int64_t> shape) {
  if (all_finite(values)) return;
  std::size_t at = 0;
  while (all_finite(values.subspan(at, 1))) ++at;
  const auto value = static_cast<float>(values[at]);
  std::vector<std::size_t> index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; at /= static_cast<std::size_t>(shape[i])) {
    index[i] = at % static_cast<std::size_t>(shape[i]);
  }
  refuse(spec, cat(value, " came at index (", join(index), "), finite numbers expected"));
}

}  // namespace

void match_input(const Manifest& manifest, const TensorSpec& spec, const TensorView& input,
                 InputLayout layout, std::vector<std::int64_t>& values) {
  if (input.dtype != spec.dtype) {
    refuse(spec, cat(dtype_name(input.dtype), " came, ", dtype_name(spec.dtype), " expected"));
  }
  const bool batch = layout == InputLayout::kBatch;
  const std::span<const Dim> dims = std::span(spec.shape).subspan(batch ? 0 : 1);
  bool fits = input.shape.size() == dims.size();
  for (std::size_t i = 0; fits && i < dims.size(); ++i) {
    const Dim& dim = dims[i];
    const std::int64_t size = input.shape[i];
    if (dim.symbol && values[*dim.symbol] == 0) {
      fits = size >= 1 && size <= manifest.symbols[*dim.symbol].max;
      if (fits) values[*dim.symbol] = size;
    } else {
      fits = size == (dim.symbol ? values[*dim.symbol] : dim.size);
    }
  }
  if (!fits) {
    refuse(spec, cat("shape (", join(input.shape), ") came, ",
                     expected_shape(manifest, dims, values), " expected: ",
                     batch ? "one sample or more along the batch axis"
                           : "one sample, without a batch axis"));
  }
}

void check_finite(const TensorSpec& spec, std::span<const std::byte> values,
                  std::span<const std::int64_t> shape) {
  switch (spec.dtype) {
    case DType::kFloat32:
      check_finite(spec, as<float>(values), shape);
      break;
    case DType::kFloat16:
      check_finite(spec, as<Float16>(values), shape);
      break;
    case DType::kInt64:
    case DType::kInt32:
    case DType::kUInt8:
      break;
  }
}
}  // namespace eenet
