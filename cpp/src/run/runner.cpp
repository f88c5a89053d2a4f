#include "run/runner.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

#include "eenet/error.h"

#include "decision/readout/task.h"
#include "decision/score_parts.h"
#include "engine/blackboard.h"
#include "run/batch_answers.h"
#include "run/stopping.h"
#include "util/context.h"
#include "util/text.h"

namespace eenet {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// Of every exit of the network: as they are, or, of one that the bundle does not hold, what of
/// them travels.
std::vector<std::vector<std::vector<std::int64_t>>> output_shapes(const Blackboard& blackboard,
                                                                  const Manifest& manifest,
                                                                  const Readout& readout) {
  std::vector<std::vector<std::vector<std::int64_t>>> shapes(manifest.num_exits());
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    if (k >= manifest.first_exit() && k < manifest.end_exit()) {
      shapes[k] = blackboard.output_shapes(k);
    } else if (const std::size_t carried = readout.num_carried(k); carried > 0) {
      shapes[k] = {{static_cast<std::int64_t>(carried)}};
    }
  }
  return shapes;
}

double milliseconds(Runner::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

/// A call that its stop token ends.
class Runner::Cancellable {
 public:
  Cancellable(Blackboard& blackboard, const std::stop_token& stop)
      : on_stop_((blackboard.recover(), stop), Cancel{blackboard}) {}

 private:
  struct Cancel {
    Blackboard& blackboard;
    void operator()() const noexcept { blackboard.cancel(); }
  };

  std::stop_callback<Cancel> on_stop_;
};

Runner::Runner(std::shared_ptr<const Model> model)
    : model_(std::move(model)), blackboard_(std::make_unique<Blackboard>(*model_)) {
  begin(1, {});
}

Runner::~Runner() = default;

std::vector<double> Runner::warm_up(const std::stop_token& stop) {
  const Cancellable cancellable(*blackboard_, stop);
  std::vector<double> times;
  blackboard_->load_blank();
  const Manifest& manifest = model_->manifest();
  for (std::size_t k = manifest.first_exit(); k < manifest.end_exit(); ++k) {
    const auto start = Clock::now();
    blackboard_->run_segment(k);
    times.push_back(milliseconds(Clock::now() - start));
  }
  return times;
}

Result Runner::run(std::span<const TensorView> inputs, const RunOptions& options) {
  return compute(inputs, options, InputLayout::kSample).at(0);
}

BatchResult Runner::run_batch(std::span<const TensorView> inputs, const RunOptions& options) {
  if (options.deadline_ms) {
    throw Error(ErrorCode::kInput, "deadline_ms: came with a batch, a single sample expected");
  }
  return compute(inputs, options, InputLayout::kBatch);
}

BatchResult Runner::compute(std::span<const TensorView> inputs, const RunOptions& options,
                            InputLayout layout) {
  const auto start = Clock::now();
  const Manifest& manifest = model_->manifest();
  check_begins(manifest);
  check_policy(options);
  const Stopping stopping(manifest, options, 0);
  const Cancellable cancellable(*blackboard_, options.stop);
  const std::size_t samples = blackboard_->load(inputs, layout);
  begin(samples, options);
  BatchResult result = make_result(samples, 0, options);
  run_segments(start, stopping, options, result);
  return result;
}

Result Runner::resume(const Handoff& handoff, const RunOptions& options, Clock::time_point start) {
  check_policy(options);
  const Stopping stopping(model_->manifest(), options, handoff.next_exit);
  const Cancellable cancellable(*blackboard_, options.stop);
  blackboard_->load(handoff);
  begin(1, options);
  BatchResult result = make_result(1, handoff.next_exit, options);
  const std::size_t passed = result.outputs.empty() ? 0 : result.output_offset(handoff.next_exit);
  restore(handoff, states_[0], std::span(result.outputs).first(passed));
  run_segments(start, stopping, options, result);
  return result.at(0);
}

/// The result of samples that have yet to be computed, with room for what the options ask for.
/// @param first_exit That the call begins with.
BatchResult Runner::make_result(std::size_t samples, std::size_t first_exit,
                                const RunOptions& options) const {
  const Manifest& manifest = model_->manifest();
  const Readout& readout = states_[0].readout();
  BatchResult result;
  static_cast<Answers&>(result) = readout.make_answers(samples, Readout::Detail::kAll);
  result.num_exits = manifest.num_exits();
  result.first_exit = first_exit;
  result.exits.resize(samples);
  result.stopped_by.resize(samples);
  if (options.policy != nullptr) result.scores.resize(samples * result.num_exits, kNone);
  if (options.return_outputs || (manifest.hands_on() && readout.num_carried(first_exit) > 0)) {
    result.output_shapes = output_shapes(*blackboard_, manifest, readout);
    result.outputs.resize(samples * result.output_offset(result.num_exits), kNone);
  }
  if (manifest.hands_on()) result.handoffs.resize(samples);
  if (options.explain) result.explanations.resize(samples);
  if (options.audits != nullptr) {
    result.audit_agrees.resize(samples, kNotAudited);
    result.audits = readout.make_answers(samples, Readout::Detail::kAnswer);
  }
  result.segment_ms.reserve(result.num_exits);
  return result;
}

void Runner::check_policy(const RunOptions& options) const {
  if (options.policy != nullptr) options.policy->check_network(states_[0].readout());
}

void Runner::begin(std::size_t samples, const RunOptions& options) {
  const Manifest& manifest = model_->manifest();
  in_flight_.resize(samples);
  std::iota(in_flight_.begin(), in_flight_.end(), std::size_t{0});
  staying_.reserve(samples);
  audits_.begin(samples, options.audits);
  while (states_.size() < samples) {
    states_.emplace_back(manifest.num_exits(), make_readout(manifest));
  }
  for (const std::size_t sample : in_flight_) states_[sample].begin(options.policy);
}

void Runner::run_segments(Clock::time_point start, const Stopping& stopping,
                          const RunOptions& options, BatchResult& result) {
  Clock::duration in_backend{};
  auto entered = Clock::now();
  for (std::size_t k = result.first_exit; !in_flight_.empty(); ++k) {
    blackboard_->run_segment(k);
    const auto computed = Clock::now();
    in_backend += computed - entered;
    if (!result.outputs.empty()) copy_outputs(k, result);
    const auto stop = stopping.at(k, milliseconds(computed - start));
    // At full depth the exits on the way have no say, and so nothing to be wrong about.
    if (options.policy != nullptr || stop) {
      decide(k, stop, options, result);
      drop_leaving(k);
    }
    const auto decided = Clock::now();
    result.segment_ms.push_back(milliseconds(decided - entered));
    entered = decided;
  }
  put_times(result);
  if (!options.return_outputs) static_cast<ExitOutputs&>(result) = {};
  result.backend_ms = milliseconds(in_backend);
  result.latency_ms = milliseconds(entered - start);
}

void Runner::copy_outputs(std::size_t exit, BatchResult& result) const {
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    const std::size_t sample = in_flight_[row];
    if (audits_.includes(sample)) continue;
    auto to = outputs_of(result, sample, exit, exit + 1).begin();
    for (const ExitTensor& tensor : blackboard_->outputs(exit, row)) {
      to = std::ranges::copy(tensor.values, to).out;
    }
  }
}

void Runner::decide(std::size_t exit, std::optional<StopReason> stop, const RunOptions& options,
                    BatchResult& result) {
  staying_.clear();
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    const std::size_t sample = in_flight_[row];
    const bool stays =
        audits_.includes(sample)
            ? Audits::step(sample, exit, blackboard_->outputs(exit, row), states_[sample], result)
            : decide_row(exit, row, stop, options, result);
    if (stays) staying_.push_back(row);
  }
}

/// @return Whether the sample goes on.
bool Runner::decide_row(std::size_t exit, std::size_t row, std::optional<StopReason> stop,
                        const RunOptions& options, BatchResult& result) {
  const std::size_t sample = in_flight_[row];
  const ExitState& state = states_[sample];
  const ExitState::Step step = this->step(exit, row, result.size());
  if (options.explain && options.policy != nullptr) {
    result.explanations[sample].push_back(
        explain_exit(*options.policy, exit, state, step, model_->manifest().class_names));
  }
  const bool accepted = step.accept && !options.forced_exit;
  if (!accepted && !stop) return true;
  const StopReason reason = accepted ? StopReason::kPolicy : *stop;
  put_answer(state, sample, exit, reason, result);
  if (reason == StopReason::kHandedOn) {
    result.handoffs[sample] = hand_on(exit, row, options, result);
  }
  return audits_.draw(sample, exit, result.num_exits);
}

ExitState::Step Runner::step(std::size_t exit, std::size_t row, std::size_t samples) {
  const std::size_t sample = in_flight_[row];
  const auto work = [&] { return states_[sample].step(exit, blackboard_->outputs(exit, row)); };
  if (samples == 1) return work();
  return in_context([sample] { return cat("sample ", sample); }, work);
}

std::vector<std::byte> Runner::hand_on(std::size_t exit, std::size_t row, const RunOptions& options,
                                       BatchResult& result) {
  const std::size_t sample = in_flight_[row];
  const std::size_t passed = exit + 1;
  Handoff handoff = make_handoff(model_->manifest(), passed, options.policy, states_[sample],
                                 outputs_of(result, sample, 0, passed));
  handoff.tensors = blackboard_->hand_on(exit, row, options.half_handoff);
  return encode_handoff(handoff);
}

void Runner::drop_leaving(std::size_t exit) {
  const std::size_t rows = staying_.size();
  if (rows == in_flight_.size()) return;
  blackboard_->keep(exit, staying_);
  for (std::size_t to = 0; to < rows; ++to) in_flight_[to] = in_flight_[staying_[to]];
  in_flight_.resize(rows);
}

}  // namespace eenet
