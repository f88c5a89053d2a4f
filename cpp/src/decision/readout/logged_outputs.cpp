#include "decision/readout/logged_outputs.h"

#include <utility>

#include "eenet/tensor.h"

#include "decision/readout/classification.h"
#include "decision/readout/regression.h"

namespace eenet {

LoggedOutputs::LoggedOutputs(std::size_t samples, std::vector<std::vector<Tensor>> exits,
                             MakeReadout make_readout)
    : samples_(samples), exits_(std::move(exits)), make_readout_(std::move(make_readout)) {
  for (std::vector<Tensor>& tensors : exits_) {
    for (Tensor& tensor : tensors) {
      tensor.size = count_elements(tensor.shape);
    }
  }
}

LoggedOutputs LoggedOutputs::of_classification(const float* logits, std::size_t samples,
                                               std::size_t exits, std::size_t classes) {
  std::vector<std::vector<Tensor>> tensors;
  for (std::size_t exit = 0; exit < exits; ++exit) {
    tensors.push_back(
        {{logits + exit * classes, exits * classes, {static_cast<std::int64_t>(classes)}}});
  }
  return {samples, std::move(tensors),
          [=] { return std::make_unique<Classification>(exits, classes); }};
}

LoggedOutputs LoggedOutputs::of_regression(const float* values, std::size_t samples,
                                           std::size_t num_values,
                                           const std::vector<Hidden>& hidden) {
  const std::size_t exits = hidden.size();
  std::vector<std::vector<Tensor>> tensors;
  std::vector<std::size_t> sizes;
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const auto& [data, size] = hidden[exit];
    tensors.push_back(
        {{values + exit * num_values, exits * num_values, {static_cast<std::int64_t>(num_values)}},
         {data, size, {static_cast<std::int64_t>(size)}}});
    sizes.push_back(size);
  }
  return {samples, std::move(tensors),
          [=] { return std::make_unique<Regression>(num_values, sizes, 0.0); }};
}

ExitOutput LoggedOutputs::at(std::size_t sample, std::size_t exit,
                             std::vector<ExitTensor>& room) const {
  room.clear();
  for (const Tensor& tensor : exits_[exit]) {
    room.push_back({{tensor.data + sample * tensor.stride, tensor.size}, tensor.shape});
  }
  return room;
}

}  // namespace eenet
