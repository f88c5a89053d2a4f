#include "eenet/schedule.h"

#include <algorithm>
#include <cmath>
#include <fcntl.h>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "eenet/error.h"

#include "bundle/costs.h"
#include "bundle/format.h"
#include "bundle/safetensors.h"
#include "bundle/schedule_file.h"
#include "decision/exit_policy.h"
#include "decision/readout/task.h"
#include "util/context.h"
#include "util/file.h"
#include "util/json.h"
#include "util/text.h"

namespace eenet {
namespace {

// Shares are counts divided by the sample size; this leaves room for their rounding.
constexpr double kShareTolerance = 1e-3;
constexpr std::uint64_t kLargestFile = std::uint64_t{2} << 30U;
constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

nlohmann::json parse_metadata(const SafeTensors& tensors, const std::string& file) {
  const std::optional<std::string> text = tensors.metadata("eenet");
  if (!text) {
    throw Error(ErrorCode::kSchedule, cat(file, ": __metadata__: the key 'eenet' is missing"));
  }
  return parse_json(*text, cat(file, ": __metadata__.eenet"), ErrorCode::kSchedule);
}

/// Whether these are shares of something: numbers >= 0 that add up to 1.
bool are_shares(std::span<const double> shares) {
  const bool positive = std::all_of(shares.begin(), shares.end(), [](double s) { return s >= 0; });
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  return positive && std::abs(sum - 1) <= kShareTolerance;
}

bool are_zero(std::span<const double> shares) {
  return std::all_of(shares.begin(), shares.end(), [](double share) { return share == 0; });
}

/// What messages call a field of a schedule.
using FieldName = std::function<std::string(const char*)>;

[[noreturn]] void refuse(const std::string& what, const std::string& came,
                         const std::string& expected) {
  throw Error(ErrorCode::kSchedule, cat(what, ": ", came, " came, ", expected, " expected"));
}

void check_bins(const ScoreBins& bins, std::size_t exits, const FieldName& name) {
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const std::span<const float> at = bins.edges_at(exit);
    const bool number = std::none_of(at.begin(), at.end(), [](float e) { return std::isnan(e); });
    if (!number || !std::is_sorted(at.begin(), at.end())) {
      throw Error(ErrorCode::kSchedule,
                  cat(name("score_edges"), "[", exit, "]: non-decreasing numbers expected"));
    }
    if (!are_shares(bins.shares_at(exit)) && !are_zero(bins.shares_at(exit))) {
      throw Error(ErrorCode::kSchedule,
                  cat(name("score_shares"), "[", exit,
                      "]: shares >= 0 that add up to 1 expected, or 0 throughout"));
    }
  }
}

void check_agreement(const std::vector<double>& shares, const FieldName& name) {
  const bool valid = std::all_of(shares.begin(), shares.end(),
                                 [](double share) { return share >= 0 && share <= 1; });
  if (!valid || shares.back() != 1) {
    refuse(name("agreement"), cat("[", join(shares), "]"),
           "shares between 0 and 1, the last one 1,");
  }
}

void check_fields(const Schedule& schedule, std::size_t exits, const FieldName& name) {
  if (!(schedule.budget > 0) || std::isinf(schedule.budget)) {
    refuse(name("budget"), cat(schedule.budget), "a positive budget");
  }
  check_unit(schedule.unit, ErrorCode::kSchedule, name("unit"));
  check_costs(schedule.costs, exits, ErrorCode::kSchedule, name("costs"));
  if (!(schedule.margin >= 0) || std::isinf(schedule.margin)) {
    refuse(name("margin"), cat(schedule.margin), "a number >= 0");
  }
  if (schedule.calibration_samples < 1) {
    refuse(name("calibration_samples"), cat(schedule.calibration_samples), "at least 1");
  }
  if (schedule.calibration_shares.size() != exits || !are_shares(schedule.calibration_shares)) {
    refuse(name("calibration_shares"), cat("[", join(schedule.calibration_shares), "]"),
           cat(exits, " shares >= 0 that add up to 1"));
  }
}

/// What the watch compares with; its arrays have their sizes.
void check_reference(const Schedule& schedule, std::size_t exits, const FieldName& name) {
  if (schedule.score_bins) check_bins(*schedule.score_bins, exits - 1, name);
  if (!schedule.agreement.empty()) check_agreement(schedule.agreement, name);
}

/// Walks the metadata and fetches each tensor once, however many schedules share it.
class ScheduleReader {
 public:
  /// @param file What messages call it.
  ScheduleReader(std::span<const std::byte> bytes, std::string file)
      : file_(std::move(file)),
        tensors_(bytes, file_, ErrorCode::kSchedule),
        document_(parse_metadata(tensors_, file_)),
        root_(document_, file_, ErrorCode::kSchedule, ": ") {}

  ScheduleFile read();

 private:
  void read_feature_spec();
  std::shared_ptr<const Schedule> read_schedule(const JsonNode& node, std::size_t index);
  std::optional<ScoreBins> score_bins(std::size_t index) const;
  std::vector<double> agreement(std::size_t index) const;
  std::shared_ptr<const ExitPolicy> read_policy(const JsonNode& node, std::size_t index);
  std::shared_ptr<const Combiner> combiner(const std::string& prefix);
  std::shared_ptr<const std::vector<Scorer>> scorers(const std::string& prefix);
  Scorer scorer(const std::string& prefix, std::size_t exit) const;
  void check_order(const JsonNode& node) const;

  std::string file_;
  SafeTensors tensors_;
  nlohmann::json document_;
  JsonNode root_;
  ScheduleFile out_;
  std::map<std::string, std::shared_ptr<const Combiner>> combiners_;
  std::map<std::string, std::shared_ptr<const std::vector<Scorer>>> scorers_;
};

void ScheduleReader::read_feature_spec() {
  const JsonNode node = root_.at("feature_spec");
  out_.feature_spec = node.integer(0, kInt64Max);
  if (std::ranges::find(tasks(), out_.feature_spec, &Task::feature_spec) != tasks().end()) return;
  std::vector<std::int64_t> known;
  for (const Task& task : tasks()) known.push_back(task.feature_spec);
  node.fail(cat(out_.feature_spec), cat("one that this runtime knows (", join(known), ")"));
}

ScheduleFile ScheduleReader::read() {
  const JsonNode version = root_.at("format_version");
  if (const std::int64_t came = version.integer(0, kInt64Max); came != format::kVersion) {
    version.fail(cat(came), cat("one that this runtime knows (", format::kVersion, ")"));
  }
  read_feature_spec();
  out_.network = root_.at("network").name();
  for (const JsonNode& count : root_.at("num_features").items(1, format::kMostExits)) {
    out_.num_features.push_back(static_cast<std::size_t>(count.integer(1, kMostFeatures)));
  }
  const std::vector<JsonNode> nodes = root_.at("schedules").items(0, format::kMostSchedules);
  for (const JsonNode& node : nodes) {
    out_.schedules.push_back(read_schedule(node, out_.schedules.size()));
    check_order(node);
  }
  const JsonNode active = root_.at("active");
  if (!active.is_null()) {
    if (nodes.empty()) active.fail(cat(active.integer(0, kInt64Max)), "null without schedules");
    const auto last = static_cast<std::int64_t>(nodes.size()) - 1;
    out_.active = static_cast<std::size_t>(active.integer(0, last));
  }
  if (const auto marks = root_.find("fitted_on")) {
    for (const JsonNode& mark : marks->items(0, format::kMostMarks)) {
      out_.fitted_on.push_back(mark.name());
    }
  }
  return std::move(out_);
}

std::shared_ptr<const Schedule> ScheduleReader::read_schedule(const JsonNode& node,
                                                              std::size_t index) {
  auto schedule = std::make_shared<Schedule>();
  schedule->policy = node.at("policy").name();
  schedule->budget = node.at("budget").number();
  schedule->unit = node.at("unit").string();
  schedule->costs = node.at("costs").numbers();
  schedule->margin = node.at("margin").number();
  schedule->calibration_samples = node.at("calibration_samples").integer(1, kInt64Max);
  schedule->calibration_shares = node.at("calibration_shares").numbers();
  check_fields(*schedule, out_.num_exits(),
               [&](const char* field) { return node.at(field).where(); });
  schedule->score_bins = score_bins(index);
  schedule->agreement = agreement(index);
  check_reference(*schedule, out_.num_exits(), [&](const char* field) {
    return cat(file_, ": tensor ", quote_name(cat("schedule.", index, ".", field)));
  });
  schedule->exit_policy = read_policy(node, index);
  return schedule;
}

std::optional<ScoreBins> ScheduleReader::score_bins(std::size_t index) const {
  const std::string edges = cat("schedule.", index, ".score_edges");
  const std::string shares = cat("schedule.", index, ".score_shares");
  if (!tensors_.contains(edges) && !tensors_.contains(shares)) return std::nullopt;
  const auto rows = static_cast<std::int64_t>(out_.num_exits()) - 1;
  const std::vector<std::int64_t>& shape = tensors_.shape(shares);
  const std::int64_t count = shape.size() == 2 ? shape[1] : 0;
  if (count < 2 || std::cmp_greater(count, format::kMostBins)) {
    throw Error(ErrorCode::kSchedule,
                cat(file_, ": tensor ", quote_name(shares), ": (", join(shape), ") came, (", rows,
                    ", 2 to ", format::kMostBins, ") expected"));
  }
  return ScoreBins{static_cast<std::size_t>(count), tensors_.f32(edges, {rows, count - 1}),
                   tensors_.f64(shares, {rows, count})};
}

std::vector<double> ScheduleReader::agreement(std::size_t index) const {
  const std::string name = cat("schedule.", index, ".agreement");
  if (!tensors_.contains(name)) return {};
  return tensors_.f64(name, {static_cast<std::int64_t>(out_.num_exits())});
}

void ScheduleReader::check_order(const JsonNode& node) const {
  if (out_.schedules.size() < 2) return;
  const Schedule& last = *out_.schedules.back();
  const Schedule& before = *out_.schedules[out_.schedules.size() - 2];
  if (last.unit != before.unit) {
    node.at("unit").fail(quote_name(last.unit), cat(quote_name(before.unit), ", as before,"));
  }
  if (last.budget <= before.budget) {
    node.at("budget").fail(cat(last.budget), cat("more than ", before.budget, ", as ascending,"));
  }
}

std::shared_ptr<const ExitPolicy> ScheduleReader::read_policy(const JsonNode& node,
                                                              std::size_t index) {
  ExitPolicy::Parts parts;
  parts.num_features = out_.num_features;
  if (!node.at("combiner").is_null()) parts.combiner = combiner(node.at("combiner").name());
  parts.scorers = scorers(node.at("scorer").name());
  parts.thresholds = tensors_.f64(cat("schedule.", index, ".thresholds"),
                                  {static_cast<std::int64_t>(out_.num_exits())});
  parts.clamp = node.at("clamp").boolean();
  return in_context(node.where(),
                    [&] { return std::make_shared<const ExitPolicy>(std::move(parts)); });
}

std::shared_ptr<const Combiner> ScheduleReader::combiner(const std::string& prefix) {
  std::shared_ptr<const Combiner>& known = combiners_[prefix];
  if (known) return known;
  const auto exits = static_cast<std::int64_t>(out_.num_exits());
  std::vector<float> weight = tensors_.f32(prefix + ".weight", {exits, exits});
  const std::vector<std::int64_t>& shape = tensors_.shape(prefix + ".bias");
  const std::int64_t classes = shape.size() == 2 ? shape[1] : 2;
  std::vector<float> bias = tensors_.f32(prefix + ".bias", {exits, classes});
  known = in_context(cat(file_, ": ", quote_name(prefix)), [&] {
    return std::make_shared<const Combiner>(out_.num_exits(), static_cast<std::size_t>(classes),
                                            std::move(weight), std::move(bias));
  });
  return known;
}

std::shared_ptr<const std::vector<Scorer>> ScheduleReader::scorers(const std::string& prefix) {
  std::shared_ptr<const std::vector<Scorer>>& known = scorers_[prefix];
  if (known) return known;
  std::vector<Scorer> read;
  for (std::size_t exit = 0; exit + 1 < out_.num_exits(); ++exit) {
    read.push_back(scorer(cat(prefix, ".", exit), exit));
  }
  known = std::make_shared<const std::vector<Scorer>>(std::move(read));
  return known;
}

Scorer ScheduleReader::scorer(const std::string& prefix, std::size_t exit) const {
  const auto inputs = static_cast<std::int64_t>(out_.num_features[exit] + exit);
  Scorer scorer;
  std::int64_t rows = 1;
  if (tensors_.contains(prefix + ".out_weight")) {
    const std::vector<std::int64_t>& shape = tensors_.shape(prefix + ".bias");
    rows = shape.size() == 1 && shape[0] > 0 ? shape[0] : 1;
    scorer.out_weight = tensors_.f32(prefix + ".out_weight", {1, rows});
    scorer.out_bias = tensors_.f32(prefix + ".out_bias", {1}).front();
  }
  scorer.weight = tensors_.f32(prefix + ".weight", {rows, inputs});
  scorer.bias = tensors_.f32(prefix + ".bias", {rows});
  return scorer;
}

}  // namespace

void check_schedule(const Schedule& schedule, const std::string& what) {
  const FieldName name = [&](const char* field) { return cat(what, ": ", field); };
  check_name(schedule.policy, ErrorCode::kSchedule, name("policy"));
  const std::size_t exits = schedule.exit_policy->num_exits();
  check_fields(schedule, exits, name);
  if (schedule.score_bins) {
    const ScoreBins& bins = *schedule.score_bins;
    if (bins.count < 2 || bins.count > format::kMostBins ||
        bins.edges.size() != (exits - 1) * (bins.count - 1) ||
        bins.shares.size() != (exits - 1) * bins.count) {
      refuse(name("score_edges, score_shares"),
             cat(bins.edges.size(), " and ", bins.shares.size(), " numbers"),
             cat("(", exits - 1, ", B - 1) and (", exits - 1, ", B), B from 2 to ",
                 format::kMostBins, ","));
    }
  }
  if (!schedule.agreement.empty() && schedule.agreement.size() != exits) {
    refuse(name("agreement"), cat(schedule.agreement.size(), " numbers"), cat(exits));
  }
  check_reference(schedule, exits, name);
}

ScheduleFile parse_schedules(std::span<const std::byte> bytes) {
  return ScheduleReader(bytes, format::kSchedules).read();
}

ScheduleFile read_schedules(const std::filesystem::path& path) {
  File file(AT_FDCWD, path.native(), true, quote_name(path.native()), ErrorCode::kSchedule);
  return ScheduleReader(file.read_all(kLargestFile), quote_name(path.native())).read();
}

}  // namespace eenet
