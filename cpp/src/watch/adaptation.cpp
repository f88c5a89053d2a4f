#include "watch/adaptation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

namespace eenet {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::size_t kFewest = 32;  // Scores that a threshold is set by.

}  // namespace

double quota_threshold(std::vector<float> scores, std::size_t quota) {
  if (quota >= scores.size()) return -std::numeric_limits<double>::infinity();
  std::sort(scores.begin(), scores.end(), std::greater<>());
  const float stays = scores[quota];
  // Of scores that are as high as one that stays, none leaves.
  const auto end = std::find(scores.begin(), scores.end(), stays);
  if (end == scores.begin()) return std::numeric_limits<double>::max();
  return (static_cast<double>(*(end - 1)) + static_cast<double>(stays)) / 2;
}

Adaptation::Adaptation(std::shared_ptr<const Schedule> schedule, std::vector<double> costs)
    : schedule_(std::move(schedule)),
      costs_(std::move(costs)),
      scores_(kWindow * (costs_.size() - 1)),
      exits_(kWindow),
      policy_(schedule_->exit_policy) {}

void Adaptation::record(std::size_t exit, std::span<const float> scores) noexcept {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  const std::size_t row = count_.fetch_add(1, kRelaxed) % kWindow;
  const std::size_t width = costs_.size() - 1;
  for (std::size_t k = 0; k < width; ++k) {
    scores_[row * width + k].store(k <= exit ? scores[k] : kNone, kRelaxed);
  }
  exits_[row].store(static_cast<std::uint32_t>(exit), kRelaxed);
}

Adaptation::Window Adaptation::window() const {
  Window out;
  for (const auto& exit : exits_) out.exits.push_back(exit.load(kRelaxed));
  for (const auto& score : scores_) out.scores.push_back(score.load(kRelaxed));
  return out;
}

Adaptation::Step Adaptation::advance(bool reached, bool drifted) {
  const std::uint64_t count = count_.load(kRelaxed);
  if (!adapted()) {
    barred_ = barred_ && drifted;
    if (reached && !wanted_ && !barred_) {
      // The samples before the alarm may be of before the drift.
      wanted_ = true;
      next_ = count + kWindow;
    }
    if (!wanted_ || count < next_) return Step::kNone;
    const Window window = this->window();
    distance_ = distance(mean_cost(window));
    off_ = first_off(window);
    if (off_) off_share_ = own_share(window, *off_).seen;
    adapt(window);
    return Step::kAdapted;
  }
  if (count < next_) return Step::kNone;
  const Window window = this->window();
  const bool own_would_do = this->own_would_do(window);
  const bool no_better = distance(mean_cost(window)) >= distance_;
  if (!own_would_do && !no_better) {
    adapt(window);
    return Step::kAdapted;
  }
  barred_ = !own_would_do;
  wanted_ = false;
  policy_ = schedule_->exit_policy;
  return Step::kRolledBack;
}

void Adaptation::adapt(const Window& window) {
  const std::span<const double> own = schedule_->exit_policy->thresholds();
  const std::span<const double> now = policy_->thresholds();
  std::vector<double> thresholds(now.begin(), now.end());
  const std::vector<double>& planned = schedule_->calibration_shares;
  double staying = 1;  // Planned share of the samples that reach the exit.
  for (std::size_t k = 0; k + 1 < costs_.size(); ++k) {
    const double leaving = staying > 0 ? planned[k] / staying : 0;
    staying -= planned[k];
    if (own[k] == std::numeric_limits<double>::infinity()) continue;
    std::vector<float> scores = scores_at(window, k, thresholds);
    if (scores.size() < kFewest) continue;
    const double quota = std::round(leaving * static_cast<double>(scores.size()));
    thresholds[k] = quota_threshold(std::move(scores), static_cast<std::size_t>(quota));
  }
  policy_ = std::make_shared<const ExitPolicy>(policy_->with_thresholds(std::move(thresholds)));
  next_ = count_.load(kRelaxed) + kWindow;
}

/// Scores of the samples that come to this exit under these thresholds, as far as they came to it
/// under those that were in force.
std::vector<float> Adaptation::scores_at(const Window& window, std::size_t exit,
                                         std::span<const double> thresholds) const {
  const std::size_t width = costs_.size() - 1;
  std::vector<float> out;
  for (std::size_t row = 0; row < kWindow; ++row) {
    const float* const scores = window.scores.data() + row * width;
    bool comes = !std::isnan(scores[exit]);
    for (std::size_t k = 0; k < exit; ++k) {
      comes = comes && !(static_cast<double>(scores[k]) >= thresholds[k]);
    }
    if (comes) out.push_back(scores[exit]);
  }
  return out;
}

/// How many may come to this exit by the schedule's own thresholds, and left before it by others.
std::size_t Adaptation::count_unseen(const Window& window, std::size_t exit) const {
  const std::span<const double> own = schedule_->exit_policy->thresholds();
  const std::size_t width = costs_.size() - 1;
  std::size_t count = 0;
  for (std::size_t row = 0; row < kWindow; ++row) {
    const std::size_t left = window.exits[row];
    if (left >= exit) continue;
    const float* const scores = window.scores.data() + row * width;
    bool comes = true;
    for (std::size_t k = 0; k <= left; ++k) {
      comes = comes && !(static_cast<double>(scores[k]) >= own[k]);
    }
    count += comes ? 1U : 0U;
  }
  return count;
}

double Adaptation::mean_cost(const Window& window) const {
  double sum = 0;
  for (const std::size_t exit : window.exits) sum += costs_[exit];
  return sum / static_cast<double>(kWindow);
}

double Adaptation::distance(double cost) const {
  const std::vector<double>& shares = schedule_->calibration_shares;
  return std::abs(cost - std::inner_product(shares.begin(), shares.end(), costs_.begin(), 0.0));
}

bool Adaptation::Share::off() const noexcept {
  return planned < lowest - tolerance || planned > highest + tolerance;
}

Adaptation::Share Adaptation::own_share(const Window& window, std::size_t exit) const {
  const std::span<const double> own = schedule_->exit_policy->thresholds();
  const std::vector<float> scores = scores_at(window, exit, own);
  const auto coming = static_cast<double>(scores.size());
  const auto leaves = [&](float score) { return static_cast<double>(score) >= own[exit]; };
  const auto leaving = static_cast<double>(std::ranges::count_if(scores, leaves));
  const auto unseen = static_cast<double>(count_unseen(window, exit));
  const std::span<const double> from = std::span(schedule_->calibration_shares).subspan(exit);
  const double reached = std::accumulate(from.begin(), from.end(), 0.0);
  if (scores.size() < kFewest || reached <= 0) return {};
  Share share;
  share.seen = leaving / coming;
  share.lowest = leaving / (coming + unseen);
  share.highest = (leaving + unseen) / (coming + unseen);
  share.planned = from[0] / reached;
  const double calibration = reached * static_cast<double>(schedule_->calibration_samples);
  share.tolerance =
      2 * std::sqrt(share.planned * (1 - share.planned) * (1 / calibration + 1 / coming));
  return share;
}

std::optional<std::size_t> Adaptation::first_off(const Window& window) const {
  for (std::size_t k = 0; k + 1 < costs_.size(); ++k) {
    if (!schedule_->exit_policy->disabled(k) && own_share(window, k).off()) return k;
  }
  return std::nullopt;
}

/// Whether the schedule's own thresholds would let as many leave as planned: at the first exit
/// where they did not, and as far as can be seen at every other, for a drift may show at one more
/// than at another.
bool Adaptation::own_would_do(const Window& window) const {
  if (!off_) return false;
  const Share now = own_share(window, *off_);
  return !first_off(window) && std::abs(now.seen - now.planned) < std::abs(now.seen - off_share_);
}

}  // namespace eenet
