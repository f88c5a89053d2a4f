#include "watch/watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "eenet/error.h"

#include "decision/exit_policy.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr std::size_t kMostAlarms = 64;

WatchOptions checked(WatchOptions options) {
  // Also refuses NaN.
  if (!(options.false_alarm_interval >= 1) || std::isinf(options.false_alarm_interval)) {
    throw Error(ErrorCode::kInput, cat("false_alarm_interval: ", options.false_alarm_interval,
                                       " came, at least 1 sample expected"));
  }
  if (!(options.audit_share >= 0 && options.audit_share <= 1)) {
    throw Error(ErrorCode::kInput,
                cat("audit_share: ", options.audit_share, " came, 0 to 1 expected"));
  }
  return options;
}

std::vector<double> costs_of(const BudgetTable& table) {
  if (table.schedules().empty()) {
    throw Error(ErrorCode::kConfiguration,
                "watch: the bundle has no schedules, so that nothing is known to compare with");
  }
  return table.profile() ? table.profile()->costs : table.schedules().front()->costs;
}

}  // namespace

Watch::Watch(const BudgetTable& table, WatchOptions options)
    : options_(checked(std::move(options))),
      lottery_(options_.audit_share, options_.seed),
      costs_(costs_of(table)) {
  for (const auto& schedule : table.schedules()) {
    schedules_.push_back(std::make_unique<ScheduleWatch>(schedule, schedules_.size(), options_));
  }
}

void Watch::silence() {
  std::function<void(const Alarm&)> released;
  const std::lock_guard lock(mutex_);
  // Destroyed after the lock is: what the function holds may be anything.
  released.swap(options_.on_alarm);
}

bool Watch::silent() const {
  const std::lock_guard lock(mutex_);
  return !options_.on_alarm;
}

std::shared_ptr<Adaptation> Watch::make_adaptation(std::size_t schedule) const {
  if (!options_.adapt) return nullptr;
  return std::make_shared<Adaptation>(schedules_[schedule]->shared_schedule(), costs_);
}

bool Watch::count(std::size_t schedule, const ObservedSample& sample,
                  Adaptation* adaptation) noexcept {
  ScheduleWatch& watch = *schedules_[schedule];
  if (sample.agrees) watch.count_audit(sample.exit, *sample.agrees);
  if (adaptation != nullptr && !sample.limited) adaptation->record(sample.exit, sample.scores);
  return watch.count(sample.exit, sample.scores, sample.limited);
}

Watch::Events Watch::judge(std::size_t schedule, Adaptation* adaptation) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  Events events;
  if (!lock) return events;
  ScheduleWatch& watch = *schedules_[schedule];
  auto block = watch.take_block(adaptation != nullptr && adaptation->adapted());
  if (!block) return events;
  keep(schedule, std::move(block->exits));
  events.alarms = std::move(block->alarms);
  if (!events.alarms.empty()) events.on_alarm = options_.on_alarm;
  for (Alarm& alarm : events.alarms) {
    alarm.sample = samples();
    alarms_.push_back(alarm);
  }
  while (alarms_.size() > kMostAlarms) alarms_.pop_front();
  if (adaptation == nullptr) return events;
  const Adaptation::Step step = adaptation->advance(block->reached, watch.drifted());
  if (step == Adaptation::Step::kNone) return events;
  ++(step == Adaptation::Step::kAdapted ? adaptations_ : rollbacks_);
  watch.restart();
  events.policy = adaptation->policy();
  return events;
}

std::uint64_t Watch::samples() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : schedules_) sum += each->samples();
  return sum;
}

void Watch::keep(std::size_t schedule, std::vector<std::uint64_t> exits) {
  recent_.push_back({schedule, std::move(exits)});
  if (recent_.size() > DriftDetector::kRecentBlocks) recent_.pop_front();
}

void Watch::restart(std::size_t schedule) {
  const std::lock_guard lock(mutex_);
  schedules_[schedule]->restart();
}

Health Watch::health(const Adaptation* adaptation) const {
  const std::lock_guard lock(mutex_);
  Health health;
  health.alarms.assign(alarms_.begin(), alarms_.end());
  health.adaptations = adaptations_;
  health.rollbacks = rollbacks_;
  health.samples = samples();
  report_status(health);
  report_exits(health);
  report_audits(health);
  if (adaptation != nullptr && adaptation->adapted()) {
    health.status = Health::Status::kAdapted;
    const std::span<const double> thresholds = adaptation->policy()->thresholds();
    health.thresholds.emplace(thresholds.begin(), thresholds.end());
  }
  return health;
}

void Watch::report_status(Health& health) const {
  health.status = Health::Status::kHealthy;
  // Of what no longer runs nothing is known.
  for (const Recent& block : recent_) {
    const ScheduleWatch& watch = *schedules_[block.schedule];
    if (watch.drifted()) health.status = Health::Status::kDrifted;
    health.evidence = std::max(health.evidence, watch.evidence());
  }
}

void Watch::report_exits(Health& health) const {
  std::vector<double> seen(num_exits());
  std::vector<double> expected(num_exits());
  double total = 0;
  for (const Recent& block : recent_) {
    const std::vector<double>& planned = schedules_[block.schedule]->schedule().calibration_shares;
    const auto samples = static_cast<double>(
        std::accumulate(block.exits.begin(), block.exits.end(), std::uint64_t{0}));
    total += samples;
    for (std::size_t k = 0; k < num_exits(); ++k) {
      seen[k] += static_cast<double>(block.exits[k]);
      expected[k] += samples * planned[k];
    }
  }
  if (total == 0) return;
  for (std::size_t k = 0; k < num_exits(); ++k) {
    health.exit_shares.push_back(seen[k] / total);
    health.expected_exit_shares.push_back(expected[k] / total);
  }
  health.mean_cost = mean(health.exit_shares);
  health.expected_mean_cost = mean(health.expected_exit_shares);
}

double Watch::mean(const std::vector<double>& shares) const {
  return std::inner_product(shares.begin(), shares.end(), costs_.begin(), 0.0);
}

void Watch::report_audits(Health& health) const {
  double cost = 0;
  for (std::size_t k = 0; k + 1 < num_exits(); ++k) {
    ScheduleWatch::Audits sum;
    double expected = 0;
    bool known = true;
    for (const auto& each : schedules_) {
      const ScheduleWatch::Audits audits = each->audits(k);
      const std::vector<double>& agreement = each->schedule().agreement;
      sum.samples += audits.samples;
      sum.agreeing += audits.agreeing;
      known = known && (audits.samples == 0 || !agreement.empty());
      if (!agreement.empty()) expected += static_cast<double>(audits.samples) * agreement[k];
    }
    const auto samples = static_cast<double>(sum.samples);
    health.audits += sum.samples;
    cost += samples * (costs_.back() - costs_[k]);
    const auto share = [&](double part, bool there) {
      return sum.samples > 0 && there ? std::optional(part / samples) : std::nullopt;
    };
    health.agreement.push_back(share(static_cast<double>(sum.agreeing), true));
    health.expected_agreement.push_back(share(expected, known));
  }
  if (health.samples > 0) health.mean_audit_cost = cost / static_cast<double>(health.samples);
}

}  // namespace eenet
