#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "decision/readout.h"

namespace eenet {

/// What every exit put out for N samples, and how it is read. Borrows the numbers.
class LoggedOutputs {
 public:
  /// One tensor of an exit.
  struct Tensor {
    const float* data = nullptr;      ///< Of the first sample.
    std::size_t stride = 0;           ///< From sample to sample.
    std::vector<std::int64_t> shape;  ///< Of one sample.
    std::size_t size = 0;             ///< Numbers of one sample; follows from the shape.
  };
  /// Hidden features of an exit, (samples, size) row-major.
  struct Hidden {
    const float* data = nullptr;
    std::size_t size = 0;
  };
  using MakeReadout = std::function<std::unique_ptr<Readout>()>;

  /// @param exits The tensors of each, in the order in which the readout takes them.
  LoggedOutputs(std::size_t samples, std::vector<std::vector<Tensor>> exits,
                MakeReadout make_readout);

  /// Logits of exits that classify, (samples, exits, classes) row-major.
  static LoggedOutputs of_classification(const float* logits, std::size_t samples,
                                         std::size_t exits, std::size_t classes);
  /// Values of exits, (samples, exits, values) row-major, and the hidden features of each.
  /// Whether answers agree is not asked of what was logged: no error scale is needed.
  static LoggedOutputs of_regression(const float* values, std::size_t samples,
                                     std::size_t num_values, const std::vector<Hidden>& hidden);

  std::size_t samples() const noexcept { return samples_; }
  std::size_t num_exits() const noexcept { return exits_.size(); }
  std::unique_ptr<Readout> make_readout() const { return make_readout_(); }

  /// What an exit put out for a sample.
  /// @param room For the tensors.
  ExitOutput at(std::size_t sample, std::size_t exit, std::vector<ExitTensor>& room) const;

 private:
  std::size_t samples_;
  std::vector<std::vector<Tensor>> exits_;
  MakeReadout make_readout_;
};

}  // namespace eenet
