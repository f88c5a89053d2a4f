#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "decision/readout.h"

namespace eenet {

/// Feature spec 1: an exit puts out C logits and answers with a class. Features: p (C), max,
/// 1 + sum p ln p / ln C, vote, margin.
class Classification final : public Readout {
 public:
  Classification(std::size_t num_exits, std::size_t num_classes);

  std::size_t num_exits() const noexcept override { return labels_.size(); }
  std::size_t num_features(std::size_t exit) const noexcept override;
  bool combines() const noexcept override { return true; }
  void begin(const ExitPolicy* policy) noexcept override { policy_ = policy; }
  void read(std::size_t exit, ExitOutput output, std::span<float> features) override;
  std::size_t num_carried(std::size_t /*exit*/) const noexcept override { return num_classes_; }
  void save(std::size_t passed, std::span<const float> outputs, ByteWriter& out) const override;
  void restore(std::size_t passed, ByteReader& in, std::span<float> outputs) override;
  Answers make_answers(std::size_t samples, Detail detail) const override;
  void put_answer(std::size_t sample, Answers& answers) const override;
  bool agrees(std::size_t sample, const Answers& answers) const override;
  std::string feature_name(std::size_t exit, std::size_t feature,
                           std::span<const std::string> class_names) const override;

 private:
  void keep(std::size_t exit, std::span<const float> logits);
  void combine(std::size_t exit, std::span<const float> logits);
  std::size_t softmax(std::span<float> features) const;
  float vote(std::size_t exit);

  std::size_t num_classes_;
  double log_classes_;
  const ExitPolicy* policy_ = nullptr;
  std::vector<float> logits_;             // (K, C): what later exits combine.
  std::vector<double> combined_;          // (C): z_k up to a constant, which softmax ignores.
  std::vector<std::size_t> labels_;       // Answers of exits 0 .. k.
  std::size_t last_ = 0;                  // The exit of the last read().
  std::span<const float> probabilities_;  // Of the last read(), in its features.
  std::size_t largest_vote_ = 0;          // Of exits 0 .. k-1.
};

}  // namespace eenet
