#include "watch/adaptation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "decision/exit_policy.h"

namespace eenet {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr double kFewest = 32;  // Scores that a threshold is set by.

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
    if (!drifted || (barred_until_ && count >= *barred_until_)) barred_until_.reset();
    if (reached && !wanted_ && !barred_until_) {
      // The samples before the alarm may be of before the drift.
      wanted_ = true;
      next_ = count + kWindow;
    }
    if (!wanted_ || count < next_) return Step::kNone;
    const Window window = this->window();
    before_ = {summarise(window)};
    since_.clear();
    adapt(window);
    return Step::kAdapted;
  }
  if (count < next_) return Step::kNone;
  const Window window = this->window();
  since_.push_back(summarise(window));
  if (since_.size() > kJudged) since_.pop_front();
  const bool own_would_do = this->own_would_do();
  if (!own_would_do && !does_worse()) {
    adapt(window);
    return Step::kAdapted;
  }
  if (!own_would_do) barred_until_ = count + kBarred * kWindow;
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
    if (static_cast<double>(scores.size()) < kFewest) continue;
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

Adaptation::Summary Adaptation::summarise(const Window& window) const {
  Summary out;
  double squares = 0;
  for (const std::size_t exit : window.exits) {
    out.cost += costs_[exit];
    squares += costs_[exit] * costs_[exit];
  }
  const auto samples = static_cast<double>(kWindow);
  out.cost /= samples;
  out.variance = std::max(0.0, squares / samples - out.cost * out.cost) / samples;
  for (std::size_t k = 0; k + 1 < costs_.size(); ++k) out.own.push_back(own_tally(window, k));
  return out;
}

Adaptation::Tally Adaptation::own_tally(const Window& window, std::size_t exit) const {
  const std::span<const double> own = schedule_->exit_policy->thresholds();
  const std::vector<float> scores = scores_at(window, exit, own);
  const auto leaves = [&](float score) { return static_cast<double>(score) >= own[exit]; };
  Tally out;
  out.coming = static_cast<double>(scores.size());
  out.leaving = static_cast<double>(std::ranges::count_if(scores, leaves));
  const std::size_t width = costs_.size() - 1;
  for (std::size_t row = 0; row < kWindow; ++row) {
    const std::size_t left = window.exits[row];
    if (left >= exit) continue;
    const float* const seen = window.scores.data() + row * width;
    bool comes = true;
    for (std::size_t k = 0; k <= left; ++k) {
      comes = comes && !(static_cast<double>(seen[k]) >= own[k]);
    }
    out.unseen += comes ? 1 : 0;
  }
  return out;
}

double Adaptation::distance(double cost) const {
  const std::vector<double>& shares = schedule_->calibration_shares;
  return std::abs(cost - std::inner_product(shares.begin(), shares.end(), costs_.begin(), 0.0));
}

bool Adaptation::Share::off() const noexcept {
  return planned < lowest - tolerance || planned > highest + tolerance;
}

Adaptation::Share Adaptation::own_share(const std::deque<Summary>& windows,
                                        std::size_t exit) const {
  Tally sum;
  for (const Summary& window : windows) {
    sum.coming += window.own[exit].coming;
    sum.leaving += window.own[exit].leaving;
    sum.unseen += window.own[exit].unseen;
  }
  const std::span<const double> from = std::span(schedule_->calibration_shares).subspan(exit);
  const double reached = std::accumulate(from.begin(), from.end(), 0.0);
  if (sum.coming < kFewest || reached <= 0) return {};
  Share share;
  share.seen = sum.leaving / sum.coming;
  share.lowest = sum.leaving / (sum.coming + sum.unseen);
  share.highest = (sum.leaving + sum.unseen) / (sum.coming + sum.unseen);
  share.planned = from[0] / reached;
  const double calibration = reached * static_cast<double>(schedule_->calibration_samples);
  share.tolerance =
      2 * std::sqrt(share.planned * (1 - share.planned) * (1 / calibration + 1 / sum.coming));
  return share;
}

std::optional<std::size_t> Adaptation::first_off(const std::deque<Summary>& windows) const {
  for (std::size_t k = 0; k + 1 < costs_.size(); ++k) {
    if (!schedule_->exit_policy->disabled(k) && own_share(windows, k).off()) return k;
  }
  return std::nullopt;
}

/// Whether the schedule's own thresholds would let as many leave as planned: as far as can be seen
/// at every exit, for a drift may show at one more than at another, and at the first one where they
/// did not nearer to the plan than to what it was then.
bool Adaptation::own_would_do() const {
  if (since_.size() < kJudged || first_off(since_)) return false;
  const std::optional<std::size_t> exit = first_off(before_);
  if (!exit) return true;
  const Share now = own_share(since_, *exit);
  const double then = own_share(before_, *exit).seen;
  return std::abs(now.seen - now.planned) < std::abs(now.seen - then);
}

/// Whether the mean cost is further from the plan than before, and that by no chance.
bool Adaptation::does_worse() const {
  constexpr double kErrors = 3;  // Standard errors.
  const auto windows = static_cast<double>(since_.size());
  double cost = 0;
  double variance = 0;  // Of the mean.
  for (const Summary& window : since_) {
    cost += window.cost / windows;
    variance += window.variance / (windows * windows);
  }
  const Summary& before = before_.front();
  return distance(cost) - distance(before.cost) > kErrors * std::sqrt(variance + before.variance);
}

}  // namespace eenet
