#include <algorithm>
#include <cmath>
#include <utility>

#include "eenet/result.h"

#include "decision/score_parts.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::size_t kListedContributions = 8;

/// A scorer as a linear map, as it is around one input.
struct LinearScorer {
  std::vector<double> weight;
  double bias = 0;
};

LinearScorer linearise(const Scorer& scorer, const std::vector<double>& inputs) {
  LinearScorer out{std::vector<double>(inputs.size()), static_cast<double>(scorer.out_bias)};
  const std::size_t rows = scorer.bias.size();
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const weight = scorer.weight.data() + row * inputs.size();
    const auto bias = static_cast<double>(scorer.bias[row]);
    double scale = 1;
    if (scorer.hidden()) {
      double unit = bias;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        unit += static_cast<double>(weight[i]) * inputs[i];
      }
      scale = unit < 0 ? 0 : static_cast<double>(scorer.out_weight[row]);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      out.weight[i] += scale * static_cast<double>(weight[i]);
    }
    out.bias += scale * bias;
  }
  return out;
}

}  // namespace

ExitExplanation explain_score(const Scorer& scorer, const std::vector<double>& inputs,
                              const std::function<std::string(std::size_t)>& name,
                              std::size_t most) {
  const LinearScorer linear = linearise(scorer, inputs);
  std::vector<std::pair<double, std::size_t>> parts;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    parts.emplace_back(linear.weight[i] * inputs[i], i);
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return std::abs(a.first) > std::abs(b.first);
  });
  ExitExplanation out;
  out.bias = linear.bias;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [value, input] = parts[i];
    if (i < most) {
      out.contributions.push_back({name(input), value});
    } else {
      out.others += value;
    }
  }
  return out;
}

ExitExplanation explain_exit(const ExitPolicy& policy, std::size_t exit, const ExitState& state,
                             const ExitState::Step& step,
                             std::span<const std::string> class_names) {
  ExitExplanation out;
  if (exit + 1 < policy.num_exits() && !policy.disabled(exit)) {
    const std::span<const float> features = state.features();
    const std::span<const float> scores = state.scores(exit).first(exit);
    std::vector<double> inputs(features.begin(), features.end());
    inputs.insert(inputs.end(), scores.begin(), scores.end());
    const auto name = [&](std::size_t input) {
      return input < features.size() ? state.readout().feature_name(exit, input, class_names)
                                     : cat("score of exit ", input - features.size());
    };
    out = explain_score(policy.rule().scorers()[exit], inputs, name, kListedContributions);
  }
  out.exit = exit;
  Answers answer = state.readout().make_answers(1, Readout::Detail::kAnswer);
  state.readout().put_answer(0, answer);
  if (!answer.labels.empty()) out.label = static_cast<std::size_t>(answer.labels.front());
  out.value = std::move(answer.values);
  out.score = step.score;
  out.threshold = policy.thresholds()[exit];
  out.accepted = step.accept;
  return out;
}

}  // namespace eenet
