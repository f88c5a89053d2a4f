#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "bundle/manifest_text.h"
#include "same_answer.h"
#include "support.h"
#include "test_backend.h"
#include "tiers/handoff.h"
#include "tiers/slice.h"
#include "util/text.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;
using test::expect_error;
using Bytes = std::vector<std::byte>;
using Range = std::pair<std::size_t, std::size_t>;

/// Samples that leave at exits 0, 1 and 2 where 0.8 is needed, and a voter that changes its mind.
const std::vector<std::vector<float>> kSamples = {
    confident(1, 0.9),  confident(0, 0.9), confident(0, 0.9),  confident(2, 0.5),
    confident(0, 0.85), confident(1, 0.6), confident(2, 0.6),  confident(1, 0.7),
    confident(0, 0.7),  confident(0, 0.4), confident(0, 0.45), confident(2, 0.4)};

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() : network_({{0.8, 0.8}, {0.95, 0.65}}) {}

  std::shared_ptr<Runtime> load(const std::filesystem::path& path) const {
    return std::make_shared<Runtime>(
        Model::load(path, EchoNetwork::default_options(), network_.backend()));
  }
  /// The part of the network, or all of it.
  Runtime& part(std::size_t begin, std::size_t end) {
    std::shared_ptr<Runtime>& known = parts_[{begin, end}];
    if (known) return *known;
    if (end - begin == EchoNetwork::kExits) return *(known = load(network_.path()));
    const std::filesystem::path path = folder_.path() / cat(begin, "-", end);
    slice_bundle(network_.path(), begin, end, path);
    return *(known = load(path));
  }
  Runtime& whole() { return part(0, EchoNetwork::kExits); }

  static Result infer(Runtime& runtime, std::size_t sample, const InferOptions& options = {}) {
    const EchoInput input = of(sample);
    return runtime.infer(std::vector{input.sample()}, options);
  }
  static EchoInput of(std::size_t sample) {
    const auto first = kSamples.begin() + static_cast<std::ptrdiff_t>(3 * sample);
    return EchoInput({first, first + 3});
  }
  /// What the parts, one after the other, make of a sample.
  Result over(const std::vector<Range>& ranges, std::size_t sample, const InferOptions& options) {
    Result result = infer(part(ranges[0].first, ranges[0].second), sample, options);
    for (std::size_t i = 1; i < ranges.size() && !result.complete(); ++i) {
      result = part(ranges[i].first, ranges[i].second).resume(result.handoff, options);
    }
    return result;
  }
  /// A hand-off after exit 0.
  Bytes handoff() { return infer(part(0, 1), 1).handoff; }

  EchoNetwork network_;
  test::TemporaryFolder folder_;
  std::map<Range, std::shared_ptr<Runtime>> parts_;
};

void expect_same(const Result& result, const Result& expected) {
  EXPECT_TRUE(result.complete());
  EXPECT_TRUE(result.handoff.empty());
  test::expect_same_answer(result, expected);
}

const std::vector<std::vector<Range>> kTiers = {{{0, 1}, {0, 3}}, {{0, 2}, {0, 3}},
                                                {{0, 1}, {1, 3}}, {{0, 2}, {2, 3}},
                                                {{0, 2}, {1, 3}}, {{0, 1}, {1, 2}, {2, 3}}};

/// Scores of every kind: hidden units, earlier scores, votes; answers that are combined.
ExitPolicy mixed_policy(bool combined) {
  ExitPolicy::Parts parts;
  parts.num_features.assign(3, classification_features(3));
  Scorer first{{1, 0, 0, 0.5F, 0.25F, 0, 0.5F}, {-0.5F}, {}, 0};
  Scorer second{std::vector<float>(16, 0.125F), {0.1F, -0.2F}, {1, -0.5F}, 0.3F};
  second.weight[5] = 2;
  second.weight[7] = -1;
  parts.scorers = std::make_shared<const std::vector<Scorer>>(std::vector<Scorer>{first, second});
  parts.thresholds = {0.7, 0.9};
  parts.thresholds.push_back(0);
  if (combined) {
    parts.combiner = std::make_shared<const Combiner>(
        3, 3, std::vector<float>{1, 0, 0, 0.5F, 1, 0, 0.25F, 0.75F, 1},
        std::vector<float>{0, 0, 0.1F, 0, 0.1F, 0, 0.1F, 0, 0});
  }
  return ExitPolicy(std::move(parts));
}

TEST_F(ResumeTest, EveryCutAnswersAsOneMachine) {
  const ExitPolicy plain = mixed_policy(false);
  const ExitPolicy combined = mixed_policy(true);
  const std::vector<std::optional<const ExitPolicy*>> policies = {std::nullopt, nullptr, &plain,
                                                                  &combined};
  std::map<std::size_t, int> exits;
  for (const auto& policy : policies) {
    InferOptions options;
    options.policy = policy;
    options.return_outputs = true;
    for (std::size_t sample = 0; sample < kSamples.size() / 3; ++sample) {
      const Result expected = infer(whole(), sample, options);
      ++exits[expected.exit];
      for (const auto& ranges : kTiers) expect_same(over(ranges, sample, options), expected);
    }
  }
  EXPECT_EQ(exits.size(), 3U) << "the test says nothing if all samples leave at one exit";
}

TEST_F(ResumeTest, IncompleteResultIsTheBestSoFar) {
  const Result result = infer(part(0, 2), 2);
  EXPECT_FALSE(result.complete());
  EXPECT_EQ(result.exit, 1U);
  EXPECT_EQ(result.label, 1U);
  EXPECT_EQ(result.scores.size(), 2U);
  EXPECT_EQ(result.segment_ms.size(), 2U);
  EXPECT_TRUE(result.outputs.empty());
  const Handoff handoff = decode_handoff(result.handoff);
  EXPECT_EQ(handoff.network, whole().manifest().id);
  EXPECT_EQ(handoff.next_exit, 2U);
  EXPECT_EQ(handoff.scores, result.scores);
  ASSERT_EQ(handoff.tensors.size(), 1U);
  EXPECT_EQ(handoff.tensors[0].name, "hidden_1");
  const Result resumed = whole().resume(result.handoff);
  EXPECT_EQ(resumed.segment_ms.size(), 1U);
  EXPECT_EQ(resumed.exit, 2U);
}

TEST_F(ResumeTest, EverySampleOfABatchHasItsOwn) {
  const EchoInput input(kSamples);
  const BatchResult expected = whole().infer_batch(std::vector{input.batch()});
  for (const std::size_t end : {1U, 2U}) {
    const BatchResult head = part(0, end).infer_batch(std::vector{input.batch()});
    for (std::size_t i = 0; i < head.size(); ++i) {
      const Result one = head.at(i);
      EXPECT_EQ(one.complete(), expected.exits[i] < static_cast<std::int64_t>(end));
      EXPECT_EQ(one.handoff, infer(part(0, end), i).handoff) << "equal samples, equal bytes";
      expect_same(one.complete() ? one : whole().resume(one.handoff), expected.at(i));
    }
  }
  EXPECT_TRUE(expected.handoffs.empty());
}

TEST_F(ResumeTest, ARetryIsSafe) {
  const Bytes bytes = handoff();
  const Result first = whole().resume(bytes);
  infer(whole(), 2);
  EXPECT_EQ(bytes, handoff());
  expect_same(whole().resume(bytes), first);
}

TEST_F(ResumeTest, GoesOnUnderItsOwnThresholds) {
  // Sample 2: exit 1 answers with 0.7, which the second schedule takes and the first does not.
  Runtime& device = part(0, 1);
  device.set_budget(2);
  const Bytes bytes = infer(device, 2).handoff;
  EXPECT_EQ(decode_handoff(bytes).thresholds[1], 0.65);
  whole().set_budget(1.5);
  EXPECT_EQ(whole().resume(bytes).exit, 1U);
  device.set_budget(1.5);
  EXPECT_EQ(whole().resume(infer(device, 2).handoff).exit, 2U);
  // Thresholds that no schedule has, as one that adapts them would send.
  const ExitPolicy adapted = whole().schedule()->exit_policy->with_thresholds({0.8, 0.699, 0});
  InferOptions options;
  options.policy = &adapted;
  EXPECT_EQ(whole().resume(infer(device, 2, options).handoff).exit, 1U);
}

TEST_F(ResumeTest, NeedsThePolicyThatItBeganWith) {
  const ExitPolicy mixed = mixed_policy(true);
  InferOptions options;
  options.policy = &mixed;
  const Bytes bytes = infer(part(0, 1), 3, options).handoff;
  expect_error(ErrorCode::kConfiguration, {"no schedule", mixed.digest(), "policy="},
               [&] { whole().resume(bytes); });
  EXPECT_EQ(whole().resume(bytes, options).exit, infer(whole(), 3, options).exit);
  const ExitPolicy other = mixed_policy(false);
  options.policy = &other;
  expect_error(ErrorCode::kInput, {"policy", other.digest(), mixed.digest(), "expected"},
               [&] { whole().resume(bytes, options); });
  options.policy = nullptr;
  expect_error(ErrorCode::kInput, {"policy: full depth came", mixed.digest()},
               [&] { whole().resume(bytes, options); });
  const Bytes deep = infer(part(0, 1), 0, options).handoff;
  EXPECT_EQ(whole().resume(deep).exit, 2U);
  options.policy = &mixed;
  expect_error(ErrorCode::kInput, {"full depth expected by the hand-off"},
               [&] { whole().resume(deep, options); });
}

TEST_F(ResumeTest, RefusesWhatItDoesNotHold) {
  expect_error(ErrorCode::kConfiguration, {"holds exits 1 to 2", "only resumes"},
               [&] { infer(part(1, 3), 0); });
  expect_error(ErrorCode::kConfiguration, {"goes on with exit 1", "holds exits 2 to 2"},
               [&] { part(2, 3).resume(handoff()); });
  expect_error(ErrorCode::kConfiguration, {"goes on with exit 1", "holds exits 0 to 0"},
               [&] { part(0, 1).resume(handoff()); });
  InferOptions options;
  options.max_exit = 2;
  expect_error(ErrorCode::kInput, {"max_exit: 2 came, 0 to 1 expected"},
               [&] { infer(part(0, 2), 0, options); });
  options.max_exit = 0;
  expect_error(ErrorCode::kInput, {"max_exit: 0 came, 1 to 2 expected"},
               [&] { whole().resume(handoff(), options); });
}

TEST_F(ResumeTest, LastExitAllowedCompletesASample) {
  InferOptions options;
  options.max_exit = 1;
  const Result result = infer(part(0, 2), 3, options);
  EXPECT_TRUE(result.complete());
  EXPECT_EQ(result.stopped_by, StopReason::kMaxExit);
  const Result resumed = whole().resume(infer(part(0, 1), 3).handoff, options);
  EXPECT_EQ(resumed.exit, 1U);
  EXPECT_EQ(resumed.stopped_by, StopReason::kMaxExit);
}

TEST_F(ResumeTest, RefusesAnotherNetworksHandoff) {
  const Bytes bytes = handoff();
  Handoff other = decode_handoff(bytes);
  other.network = std::string(64, 'e');
  expect_error(ErrorCode::kInput, {"network eeee", whole().manifest().id},
               [&] { whole().resume(encode_handoff(other)); });
  other = decode_handoff(bytes);
  other.num_exits = 2;
  other.thresholds.pop_back();
  expect_error(ErrorCode::kInput, {"hand-off: 2 exits came, 3 expected"},
               [&] { whole().resume(encode_handoff(other)); });
}

TEST_F(ResumeTest, RefusesTensorsThatAreNotThose) {
  const Bytes bytes = handoff();
  const auto refuse = [&](const std::vector<std::string>& message, auto&& change) {
    Handoff changed = decode_handoff(bytes);
    change(changed.tensors);
    expect_error(ErrorCode::kInput, message, [&] { whole().resume(encode_handoff(changed)); });
    EXPECT_EQ(whole().resume(bytes).exit, 1U) << "still usable";
  };
  using Tensors = std::vector<HandoffTensor>;
  refuse({"'hidden_9' came, 'hidden_0' expected"}, [](Tensors& t) { t[0].name = "hidden_9"; });
  refuse({"2 tensors came, 1 expected before exit 1"}, [](Tensors& t) {
    t.push_back(t[0]);
    t[1].name = "x";
  });
  refuse({"'hidden_0'", "shape (3, 3) came, (9)"}, [](Tensors& t) { t[0].shape = {3, 3}; });
  refuse({"'hidden_0'", "shape (8) came, (9)"}, [](Tensors& t) {
    t[0].shape = {8};
    t[0].data = t[0].data.first(32);
  });
  const std::vector<std::int64_t> whole_numbers(9);
  refuse({"'hidden_0'", "int64 came, float32 expected"}, [&](Tensors& t) {
    t[0].transport = Transport::kInt64;
    t[0].data = std::as_bytes(std::span(whole_numbers));
  });
}

TEST_F(ResumeTest, RefusesACutAfterWhichADimensionIsUnknown) {
  // The same segments, but exit 2 also writes a tensor as long as the network's input.
  std::ifstream file(network_.path() / "manifest.json");
  nlohmann::json manifest = nlohmann::json::parse(file);
  manifest["symbols"]["tokens"] = {{"max", 3}};
  manifest["tensors"]["x"]["shape"][1] = "tokens";
  manifest["tensors"]["extra"] = {{"dtype", "float32"}, {"shape", {"batch", "tokens"}}};
  manifest["segments"][2]["outputs"].push_back("extra");
  const test::TemporaryFolder other;
  std::filesystem::copy(network_.path(), other.path());
  other.write("manifest.json", manifest.dump());
  const test::SegmentFunction nothing = [](auto, auto) {};
  const auto backend = std::make_shared<test::TestBackend>(
      parse_manifest(manifest.dump()), std::vector<test::SegmentFunction>(3, nothing));
  Runtime runtime(Model::load(other.path(), EchoNetwork::default_options(), backend));
  expect_error(ErrorCode::kConfiguration, {"hand-off", "'extra'", "before exit 1", "'tokens'"},
               [&] { runtime.resume(handoff()); });
}

TEST_F(ResumeTest, TensorsThatLeadNowhereAreAnError) {
  const Bytes bytes = this->handoff();
  Handoff handoff = decode_handoff(bytes);
  const std::vector<float> none(9, std::numeric_limits<float>::quiet_NaN());
  handoff.tensors[0].data = std::as_bytes(std::span(none));
  expect_error(ErrorCode::kNonFinite, {"exit 1"}, [&] { whole().resume(encode_handoff(handoff)); });
}

TEST_F(ResumeTest, HalfPrecisionHalvesTheTensors) {
  InferOptions options;
  options.half_handoff = true;
  const Bytes half = infer(part(0, 1), 1, options).handoff;
  EXPECT_EQ(half.size(), handoff().size() - 9 * 2);
  const Result exact = whole().resume(handoff());
  const Result rounded = whole().resume(half);
  EXPECT_EQ(rounded.exit, exact.exit);
  EXPECT_EQ(rounded.scores[0], exact.scores[0]);
  EXPECT_NE(rounded.scores[1], exact.scores[1]);
  EXPECT_NEAR(rounded.scores[1], exact.scores[1], 1e-3);
  const EchoInput large({confident(0, 0.4), {70'000, 0, 0}, {0, 0, 0}});
  EXPECT_FALSE(part(0, 1).infer(std::vector{large.sample()}).complete());
  expect_error(ErrorCode::kInput, {"'hidden_0'", "70000 came", "float16"},
               [&] { part(0, 1).infer(std::vector{large.sample()}, options); });
}

TEST_F(ResumeTest, HandedOnSamplesAreCountedOnTheirOwn) {
  const EchoInput input(kSamples);
  part(0, 2).infer_batch(std::vector{input.batch()});
  infer(part(0, 2), 2);
  const Stats head = part(0, 2).stats();
  EXPECT_EQ(head.count, 2U);
  EXPECT_EQ(head.exits, (std::vector<std::uint64_t>{1, 1, 0}));
  EXPECT_EQ(head.stops[static_cast<std::size_t>(StopReason::kHandedOn)], 3U);
  EXPECT_EQ(head.latency.count, 2U);
  EXPECT_EQ(head.segments[0].count, 5U);
  part(2, 3).resume(infer(part(0, 2), 2).handoff);
  const Stats tail = part(2, 3).stats();
  EXPECT_EQ(tail.exits, (std::vector<std::uint64_t>{0, 0, 1}));
  EXPECT_EQ(tail.segments[0].count, 0U);
  EXPECT_EQ(tail.segments[2].count, 1U);
}

TEST_F(ResumeTest, AControllerBooksFullCost) {
  ControllerOptions options;
  options.budget = 1.5;
  options.window = 10;
  part(0, 1).set_budget(options);
  infer(part(0, 1), 0);
  EXPECT_NEAR(part(0, 1).surplus().value(), 0.5, 1e-6);
  infer(part(0, 1), 2);
  EXPECT_NEAR(part(0, 1).surplus().value(), -1, 1e-6);
}

}  // namespace
}  // namespace eenet
