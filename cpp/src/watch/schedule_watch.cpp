#include "watch/schedule_watch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace eenet {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint64_t kQuietBlocks = 64;

std::size_t bins_of(const Schedule& schedule) {
  return schedule.score_bins ? schedule.score_bins->count : 0;
}

std::int64_t samples_in(const Schedule& schedule, double share) {
  return std::llround(share * static_cast<double>(schedule.calibration_samples));
}

/// Calibration samples that reached an exit.
std::int64_t reached(const Schedule& schedule, std::size_t exit) {
  const auto later = std::span(schedule.calibration_shares).subspan(exit);
  return samples_in(schedule, std::accumulate(later.begin(), later.end(), 0.0));
}

/// The scores of a bin, from the first up to, but without, the second.
std::pair<float, float> scores_in(const ScoreBins& bins, std::size_t exit, std::size_t bin) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::span<const float> edges = bins.edges_at(exit);
  return {bin == 0 ? -kInfinity : edges[bin - 1], bin == edges.size() ? kInfinity : edges[bin]};
}

/// What is expected of some categories, and which of them can occur.
struct Expectation {
  Watched watched;
  std::size_t exit;
  std::int64_t samples;  // Of the calibration set.
  std::vector<double> shares;
  std::vector<bool> possible;
};

Expectation expected_exits(const Schedule& schedule) {
  const ExitPolicy& policy = *schedule.exit_policy;
  Expectation out{Watched::kExits, 0, schedule.calibration_samples, schedule.calibration_shares,
                  std::vector<bool>(policy.num_exits(), true)};
  for (std::size_t k = 0; k + 1 < policy.num_exits(); ++k) out.possible[k] = !policy.disabled(k);
  return out;
}

Expectation expected_scores(const Schedule& schedule, std::size_t exit) {
  const ScoreBins& bins = *schedule.score_bins;
  const std::span<const double> shares = bins.shares_at(exit);
  Expectation out{Watched::kScores, exit, reached(schedule, exit), {}, {}};
  out.shares.assign(shares.begin(), shares.end());
  for (std::size_t bin = 0; bin < bins.count; ++bin) {
    const auto [first, end] = scores_in(bins, exit, bin);
    out.possible.push_back(first < end);
  }
  return out;
}

Expectation expected_agreement(const Schedule& schedule, std::size_t exit) {
  const double share = schedule.agreement[exit];
  // More agreement than expected is nothing to be alarmed at: the second category is left alone.
  return {Watched::kAgreement,
          exit,
          samples_in(schedule, schedule.calibration_shares[exit]),
          {share, 1 - share},
          {true, false}};
}

std::vector<Expectation> expectations(const Schedule& schedule, bool audits) {
  std::vector<Expectation> out = {expected_exits(schedule)};
  for (std::size_t k = 0; k + 1 < schedule.exit_policy->num_exits(); ++k) {
    if (schedule.exit_policy->disabled(k)) continue;
    if (schedule.score_bins) out.push_back(expected_scores(schedule, k));
    if (audits && !schedule.agreement.empty()) out.push_back(expected_agreement(schedule, k));
  }
  return out;
}

std::vector<ShareRange> ranges(const Expectation& expectation, double deviations) {
  std::vector<ShareRange> out(expectation.shares.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (!expectation.possible[i]) continue;
    out[i] = share_range(expectation.shares[i], expectation.samples, deviations);
  }
  if (expectation.watched == Watched::kAgreement) out[0].high = 1;
  return out;
}

}  // namespace

ScheduleWatch::ScheduleWatch(std::shared_ptr<const Schedule> schedule, std::size_t index,
                             const WatchOptions& options)
    : schedule_(std::move(schedule)),
      index_(index),
      counters_(audits_at(num_exits() - 1)),
      taken_(counters_.size()),
      latest_(counters_.size()) {
  const std::vector<Expectation> all = expectations(*schedule_, options.audit_share > 0);
  std::size_t shares = 0;
  for (const Expectation& each : all) {
    shares += static_cast<std::size_t>(std::ranges::count(each.possible, true));
  }
  const double deviations = simultaneous_deviations(shares);
  for (const Expectation& each : all) {
    const std::size_t first = each.watched == Watched::kExits    ? 0
                              : each.watched == Watched::kScores ? scores_at(each.exit)
                                                                 : audits_at(each.exit);
    DriftDetector detector(ranges(each, deviations));
    if (!detector.watches()) continue;
    parts_.push_back({each.watched, each.exit, first, each.shares, std::move(detector)});
  }
  // Each part by itself must have as much evidence as all of them on average.
  limit_ = options.false_alarm_interval / static_cast<double>(kBlock) *
           static_cast<double>(parts_.size());
}

std::size_t ScheduleWatch::scores_at(std::size_t exit) const noexcept {
  return num_exits() + exit * bins_of(*schedule_);
}

std::size_t ScheduleWatch::audits_at(std::size_t exit) const noexcept {
  return scores_at(num_exits() - 1) + 2 * exit;
}

bool ScheduleWatch::count(std::size_t exit, std::span<const float> scores, bool limited) noexcept {
  if (!limited) counters_[exit].fetch_add(1, kRelaxed);
  if (schedule_->score_bins) {
    const std::size_t passed = std::min(exit + 1, num_exits() - 1);
    for (std::size_t k = 0; k < passed; ++k) {
      const std::span<const float> edges = schedule_->score_bins->edges_at(k);
      const auto bin = std::upper_bound(edges.begin(), edges.end(), scores[k]) - edges.begin();
      counters_[scores_at(k) + static_cast<std::size_t>(bin)].fetch_add(1, kRelaxed);
    }
  }
  return (samples_.fetch_add(1, kRelaxed) + 1) % kBlock == 0;
}

void ScheduleWatch::count_audit(std::size_t exit, bool agrees) noexcept {
  counters_[audits_at(exit) + (agrees ? 0 : 1)].fetch_add(1, kRelaxed);
}

ScheduleWatch::Audits ScheduleWatch::audits(std::size_t exit) const noexcept {
  const std::uint64_t agreeing = counters_[audits_at(exit)].load(kRelaxed);
  return {agreeing + counters_[audits_at(exit) + 1].load(kRelaxed), agreeing};
}

void ScheduleWatch::take_counts() {
  judged_ = samples_.load(kRelaxed);
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const std::uint64_t now = counters_[i].load(kRelaxed);
    latest_[i] = now - taken_[i];
    taken_[i] = now;
  }
}

std::optional<ScheduleWatch::Block> ScheduleWatch::take_block(bool adapted) {
  // Another thread may have taken this block together with the one before.
  if (samples() - judged_ < kBlock) return std::nullopt;
  take_counts();
  Block block;
  block.exits.assign(latest_.begin(), latest_.begin() + static_cast<std::ptrdiff_t>(num_exits()));
  for (Part& part : parts_) {
    if (adapted && part.watched != Watched::kAgreement) continue;
    judge(part, std::span(latest_).subspan(part.first, part.expected.size()), block);
  }
  return block;
}

void ScheduleWatch::judge(Part& part, std::span<const std::uint64_t> counts, Block& block) {
  part.detector.update(counts);
  if (part.detector.evidence() < limit_) {
    if (++part.quiet_blocks >= kQuietBlocks) part.drifted = false;
    return;
  }
  if (!part.drifted) block.alarms.push_back(make_alarm(part));
  if (part.watched != Watched::kAgreement) block.reached = true;
  part.drifted = true;
  part.quiet_blocks = 0;
  part.detector.restart();
}

Alarm ScheduleWatch::make_alarm(const Part& part) const {
  const std::size_t category = part.detector.leader();
  const std::vector<std::uint64_t> recent = part.detector.recent();
  const auto total = std::accumulate(recent.begin(), recent.end(), std::uint64_t{0});
  Alarm alarm;
  alarm.watched = part.watched;
  alarm.schedule = index_;
  alarm.exit = part.watched == Watched::kExits ? category : part.exit;
  if (part.watched == Watched::kScores) {
    alarm.scores = scores_in(*schedule_->score_bins, part.exit, category);
  }
  alarm.expected = part.expected[category];
  alarm.low = part.detector.range(category).low;
  alarm.high = part.detector.range(category).high;
  alarm.seen = static_cast<double>(recent[category]) / static_cast<double>(total);
  alarm.evidence =
      part.detector.evidence() * static_cast<double>(kBlock) / static_cast<double>(parts_.size());
  return alarm;
}

void ScheduleWatch::restart() {
  take_counts();
  for (Part& part : parts_) {
    if (part.watched != Watched::kAgreement) part.detector.restart();
  }
}

double ScheduleWatch::evidence() const {
  double most = 0;
  for (const Part& part : parts_) most = std::max(most, part.detector.evidence());
  return parts_.empty() ? 0
                        : most * static_cast<double>(kBlock) / static_cast<double>(parts_.size());
}

bool ScheduleWatch::drifted() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.drifted; });
}

}  // namespace eenet
