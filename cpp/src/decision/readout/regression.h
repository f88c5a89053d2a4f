#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "decision/readout.h"

namespace eenet {

/// Feature spec 3: an exit puts out D values, which are its answer, and H_k hidden features.
/// Features: the hidden ones, how far the values are from those of the exit before, and the share
/// of that in how large they are.
class Regression final : public Readout {
 public:
  /// @param hidden H_k; 0 for an exit that a slice does not hold.
  /// @param error_scale The manifest's.
  Regression(std::size_t num_values, std::vector<std::size_t> hidden, double error_scale);

  std::size_t num_exits() const noexcept override { return hidden_.size(); }
  std::size_t num_features(std::size_t exit) const noexcept override;
  bool combines() const noexcept override { return false; }
  void begin(const ExitPolicy* policy) noexcept override { policy_ = policy; }
  void read(std::size_t exit, ExitOutput output, std::span<float> features) override;
  std::size_t num_carried(std::size_t /*exit*/) const noexcept override { return 0; }
  void save(std::size_t passed, std::span<const float> outputs, ByteWriter& out) const override;
  void restore(std::size_t passed, ByteReader& in, std::span<float> outputs) override;
  Answers make_answers(std::size_t samples, Detail detail) const override;
  void put_answer(std::size_t sample, Answers& answers) const override;
  /// Where the two differ by at most half the error scale: each is worth at least a half by the
  /// other.
  bool agrees(std::size_t sample, const Answers& answers) const override;
  std::string feature_name(std::size_t exit, std::size_t feature,
                           std::span<const std::string> class_names) const override;

 private:
  std::vector<std::size_t> hidden_;  // (K)
  double error_scale_;
  const ExitPolicy* policy_ = nullptr;
  std::vector<float> values_;  // (D) of the last read().
};

}  // namespace eenet
