#pragma once

#include <memory>
#include <utility>

#include "run/observer.h"
#include "watch/watch.h"

namespace eenet {

/// A watch, as the Runtime sees it while one thing is in force.
class WatchObserver : public Observer {
 public:
  /// @param adaptation Of the schedule in force; null: thresholds stay as they are.
  explicit WatchObserver(std::shared_ptr<Watch> watch,
                         std::shared_ptr<Adaptation> adaptation = nullptr)
      : watch_(std::move(watch)), adaptation_(std::move(adaptation)) {}

  bool adapts() const noexcept override { return watch_->adapts(); }
  AuditLottery* lottery() noexcept override { return watch_->lottery(); }
  std::shared_ptr<Observer> renewed(std::optional<std::size_t> schedule) const override;
  bool on_sample(std::size_t schedule, const ObservedSample& sample) noexcept override;
  Verdict on_block(std::size_t schedule) override;
  void on_reset(std::size_t schedule) override { watch_->restart(schedule); }
  void on_end() override { watch_->silence(); }
  Health health() const override { return watch_->health(adaptation_.get()); }

 private:
  std::shared_ptr<Watch> watch_;
  std::shared_ptr<Adaptation> adaptation_;
};

}  // namespace eenet
