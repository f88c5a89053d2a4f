#include "run/runner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "eenet/error.h"

#include "decision/score_parts.h"
#include "engine/blackboard.h"
#include "util/context.h"
#include "util/text.h"
#include "watch/audit.h"

namespace eenet {
namespace {

constexpr std::size_t kListedContributions = 8;

double milliseconds(Runner::Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void check_exit(const char* what, std::optional<std::size_t> exit, std::size_t first,
                std::size_t end) {
  if (!exit || (*exit >= first && *exit < end)) return;
  throw Error(ErrorCode::kInput,
              cat(what, ": ", *exit, " came, ", first, " to ", end - 1, " expected"));
}

void check_deadline(const RunOptions& options, std::size_t first_exit) {
  if (!options.deadline_ms) return;
  const double deadline = *options.deadline_ms;
  // Also refuses NaN.
  if (!(deadline > 0)) {
    throw Error(ErrorCode::kInput, cat("deadline_ms: ", deadline, " came, above 0 expected"));
  }
  if (options.times != nullptr && !options.times->fits(first_exit, deadline)) {
    throw Error(
        ErrorCode::kBudget,
        cat("deadline_ms: ", deadline, " came, at least ", options.times->p95_ms(first_exit),
            " expected, which the first exit takes in one of twenty runs of late"));
  }
}

/// The result of samples that have yet to be computed.
BatchResult make_result(const Manifest& manifest, std::size_t samples, std::size_t first_exit,
                        const RunOptions& options) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  BatchResult result;
  result.num_exits = manifest.num_exits();
  result.num_classes = manifest.num_classes();
  result.first_exit = first_exit;
  result.labels.resize(samples);
  result.exits.resize(samples);
  result.stopped_by.resize(samples);
  result.probabilities.resize(samples * result.num_classes);
  const std::size_t exits = samples * result.num_exits;
  if (options.policy != nullptr) result.scores.resize(exits, kNone);
  // A hand-off takes them along.
  if (options.return_logits || manifest.hands_on()) {
    result.logits.resize(exits * result.num_classes, kNone);
  }
  if (manifest.hands_on()) result.handoffs.resize(samples);
  if (options.explain) result.explanations.resize(samples);
  if (options.audits != nullptr) result.audit_labels.resize(samples, kNotAudited);
  result.segment_ms.reserve(result.num_exits);
  return result;
}

/// Copies what a sample leaves with.
void take_answer(const ExitState& state, std::size_t sample, std::size_t exit, StopReason reason,
                 BatchResult& result) {
  const std::span<const float> probabilities = state.probabilities();
  result.labels[sample] = static_cast<std::int64_t>(state.label());
  result.exits[sample] = static_cast<std::int64_t>(exit);
  result.stopped_by[sample] = reason;
  std::copy(probabilities.begin(), probabilities.end(),
            result.probabilities.data() + sample * result.num_classes);
  if (result.scores.empty()) return;
  const std::span<const float> scores = state.scores(exit);
  std::copy(scores.begin(), scores.end(), result.scores.data() + sample * result.num_exits);
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
  begin(1, nullptr);
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
  check_options(options, 0);
  const Cancellable cancellable(*blackboard_, options.stop);
  const std::size_t samples = blackboard_->load(inputs, layout);
  begin(samples, options.policy);
  BatchResult result = make_result(manifest, samples, 0, options);
  run_segments(start, options, result);
  return result;
}

Result Runner::resume(const Handoff& handoff, const RunOptions& options, Clock::time_point start) {
  check_options(options, handoff.next_exit);
  const Cancellable cancellable(*blackboard_, options.stop);
  blackboard_->load(handoff);
  begin(1, options.policy);
  BatchResult result = make_result(model_->manifest(), 1, handoff.next_exit, options);
  restore(handoff, result);
  run_segments(start, options, result);
  return result.at(0);
}

void Runner::run_segments(Clock::time_point start, const RunOptions& options, BatchResult& result) {
  Clock::duration in_backend{};
  auto entered = Clock::now();
  for (std::size_t k = result.first_exit; !in_flight_.empty(); ++k) {
    blackboard_->run_segment(k);
    const auto computed = Clock::now();
    in_backend += computed - entered;
    if (!result.logits.empty()) copy_logits(k, result);
    const auto stop = stop_at(k, options, milliseconds(computed - start));
    // At full depth the exits on the way have no say, and so nothing to be wrong about.
    if (options.policy != nullptr || stop) {
      decide(k, stop, options, result);
      drop_leaving(k);
    }
    const auto decided = Clock::now();
    result.segment_ms.push_back(milliseconds(decided - entered));
    entered = decided;
  }
  for (auto& explanations : result.explanations) {
    for (ExitExplanation& each : explanations) {
      each.time_ms = result.segment_ms[each.exit - result.first_exit];
    }
  }
  if (!options.return_logits) result.logits = {};
  result.backend_ms = milliseconds(in_backend);
  result.latency_ms = milliseconds(entered - start);
}

void Runner::check_options(const RunOptions& options, std::size_t first_exit) const {
  const Manifest& manifest = model_->manifest();
  if (options.policy != nullptr) {
    options.policy->check_network(manifest.num_exits(), manifest.num_classes());
  }
  check_exit("forced_exit", options.forced_exit, first_exit, manifest.end_exit());
  check_exit("max_exit", options.max_exit, first_exit, manifest.end_exit());
  if (options.forced_exit && (options.max_exit || options.deadline_ms)) {
    throw Error(ErrorCode::kInput,
                cat("forced_exit: ", options.max_exit ? "max_exit" : "deadline_ms",
                    " came with it, one of them expected"));
  }
  check_deadline(options, first_exit);
}

void Runner::begin(std::size_t samples, const ExitPolicy* policy) {
  const Manifest& manifest = model_->manifest();
  in_flight_.resize(samples);
  std::iota(in_flight_.begin(), in_flight_.end(), std::size_t{0});
  staying_.reserve(samples);
  answered_.assign(samples, false);
  if (samples > states_.size()) {
    states_.resize(samples, ExitState(manifest.num_exits(), manifest.num_classes()));
  }
  for (const std::size_t sample : in_flight_) states_[sample].begin(policy);
}

/// Why every sample that is still there leaves at this exit, if it does.
std::optional<StopReason> Runner::stop_at(std::size_t exit, const RunOptions& options,
                                          double elapsed_ms) const {
  if (options.forced_exit) {
    return exit == *options.forced_exit ? std::optional(StopReason::kForcedExit) : std::nullopt;
  }
  if (exit + 1 == model_->manifest().num_exits()) return StopReason::kPolicy;
  if (options.max_exit == exit) return StopReason::kMaxExit;
  if (options.deadline_ms && options.times != nullptr &&
      !options.times->fits(exit + 1, *options.deadline_ms - elapsed_ms)) {
    return StopReason::kDeadline;
  }
  if (exit + 1 == model_->manifest().end_exit()) return StopReason::kHandedOn;
  return std::nullopt;
}

void Runner::copy_logits(std::size_t exit, BatchResult& result) const {
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    if (answered_[in_flight_[row]]) continue;
    const std::span<const float> from = blackboard_->logits(exit, row);
    const std::size_t place = in_flight_[row] * result.num_exits + exit;
    std::copy(from.begin(), from.end(), result.logits.data() + place * result.num_classes);
  }
}

void Runner::decide(std::size_t exit, std::optional<StopReason> stop, const RunOptions& options,
                    BatchResult& result) {
  staying_.clear();
  for (std::size_t row = 0; row < in_flight_.size(); ++row) {
    const std::size_t sample = in_flight_[row];
    if (answered_[sample]) {
      finish_audit(exit, row, result);
      continue;
    }
    const ExitState::Step step = this->step(exit, row, result.size());
    if (options.explain && options.policy != nullptr) explain(exit, sample, options, step, result);
    const bool accepted = step.accept && !options.forced_exit;
    if (accepted || stop) {
      const StopReason reason = accepted ? StopReason::kPolicy : *stop;
      take_answer(states_[sample], sample, exit, reason, result);
      if (reason == StopReason::kHandedOn) {
        result.handoffs[sample] = hand_on(exit, row, options, result);
      }
      const bool last = exit + 1 == result.num_exits;
      answered_[sample] = !last && options.audits != nullptr && options.audits->draw();
      if (answered_[sample]) staying_.push_back(row);
    } else {
      staying_.push_back(row);
    }
  }
}

/// Takes a sample that has its answer one exit further.
void Runner::finish_audit(std::size_t exit, std::size_t row, BatchResult& result) {
  const std::size_t sample = in_flight_[row];
  try {
    states_[sample].step(exit, blackboard_->logits(exit, row));
  } catch (const Error&) {
    // Logits that are not finite end the audit; the answer is none the worse.
    return;
  }
  if (exit + 1 == result.num_exits) {
    result.audit_labels[sample] = static_cast<std::int64_t>(states_[sample].label());
  } else {
    staying_.push_back(row);
  }
}

ExitState::Step Runner::step(std::size_t exit, std::size_t row, std::size_t samples) {
  const std::size_t sample = in_flight_[row];
  const auto work = [&] { return states_[sample].step(exit, blackboard_->logits(exit, row)); };
  if (samples == 1) return work();
  return in_context([sample] { return cat("sample ", sample); }, work);
}

void Runner::explain(std::size_t exit, std::size_t sample, const RunOptions& options,
                     const ExitState::Step& step, BatchResult& result) const {
  const ExitPolicy& policy = *options.policy;
  const ExitState& state = states_[sample];
  ExitExplanation explanation;
  if (exit + 1 < policy.num_exits() && !policy.disabled(exit)) {
    explanation =
        explain_score(policy.scorers()[exit], state.features(), state.scores(exit).first(exit),
                      model_->manifest().class_names, kListedContributions);
  }
  explanation.exit = exit;
  explanation.label = state.label();
  explanation.score = step.score;
  explanation.threshold = policy.thresholds()[exit];
  explanation.accepted = step.accept;
  result.explanations[sample].push_back(std::move(explanation));
}

std::vector<std::byte> Runner::hand_on(std::size_t exit, std::size_t row, const RunOptions& options,
                                       const BatchResult& result) {
  const Manifest& manifest = model_->manifest();
  const std::size_t sample = in_flight_[row];
  const std::size_t passed = exit + 1;
  Handoff handoff;
  handoff.network = manifest.network();
  handoff.next_exit = passed;
  handoff.num_exits = result.num_exits;
  handoff.num_classes = result.num_classes;
  handoff.labels.resize(passed);
  handoff.scores.resize(passed);
  const float* const logits = result.logits.data() + sample * result.num_exits * result.num_classes;
  handoff.logits.assign(logits, logits + passed * result.num_classes);
  if (options.policy != nullptr) {
    const ExitState& state = states_[sample];
    const std::span<const double> thresholds = options.policy->thresholds();
    handoff.policy = options.policy->digest();
    handoff.thresholds.assign(thresholds.begin(), thresholds.end());
    for (std::size_t k = 0; k < passed; ++k) {
      handoff.labels[k] = static_cast<std::uint32_t>(state.labels(exit)[k]);
      handoff.scores[k] = state.scores(exit)[k];
    }
  }
  handoff.tensors = blackboard_->hand_on(exit, row, options.half_handoff);
  return encode_handoff(handoff);
}

void Runner::restore(const Handoff& handoff, BatchResult& result) {
  if (!result.logits.empty()) {
    std::copy(handoff.logits.begin(), handoff.logits.end(), result.logits.begin());
  }
  if (handoff.policy.empty()) return;
  const std::span<const float> logits(handoff.logits);
  for (std::size_t k = 0; k < handoff.next_exit; ++k) {
    states_[0].restore(k, logits.subspan(k * handoff.num_classes, handoff.num_classes),
                       handoff.labels[k], handoff.scores[k]);
  }
}

void Runner::drop_leaving(std::size_t exit) {
  const std::size_t rows = staying_.size();
  if (rows == in_flight_.size()) return;
  blackboard_->keep(exit, staying_);
  for (std::size_t to = 0; to < rows; ++to) in_flight_[to] = in_flight_[staying_[to]];
  in_flight_.resize(rows);
}

}  // namespace eenet
