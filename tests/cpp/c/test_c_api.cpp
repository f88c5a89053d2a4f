#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "c/c_runtime.h"
#include "test_backend.h"
#include "tiers/slice.h"
#include "util/log.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;

const std::int64_t kShape[] = {3, 3};

/// Leaves at exit 1 under the first schedule of runtime(), at exit 0 under the second.
EchoInput sample() {
  return EchoInput({confident(0, 0.8), confident(1, 0.75), confident(2, 0.5)});
}

struct Runtimes {
  EchoNetwork network{{{0.9, 0.7}, {0.7, 0.7}}};
  eenet_runtime runtime{std::make_unique<Runtime>(network.load())};
};

eenet_tensor tensor(const EchoInput& input) {
  return {nullptr, EENET_FLOAT32, 2, kShape, input.values.data()};
}

/// Answers as a program keeps them from call to call.
struct Answered {
  Answered() = default;
  Answered(const Answered&) = delete;
  Answered& operator=(const Answered&) = delete;
  ~Answered() { eenet_free_answers(answers); }

  eenet_answer at(std::size_t sample = 0) const {
    eenet_answer out{};
    out.struct_size = sizeof out;
    EXPECT_EQ(eenet_get_answer(answers, sample, &out), EENET_OK) << eenet_last_error();
    return out;
  }
  std::vector<float> output(std::size_t sample, std::size_t exit) const {
    eenet_output out{};
    EXPECT_EQ(eenet_get_output(answers, sample, exit, 0, &out), EENET_OK) << eenet_last_error();
    EXPECT_EQ(out.rank, 1U);
    return {out.data, out.data + out.shape[0]};
  }

  eenet_answers* answers = nullptr;
};

eenet_infer_options infer_options() {
  eenet_infer_options options{};
  options.struct_size = sizeof options;
  return options;
}

void expect_failure(eenet_status came, eenet_status expected, const std::string& text) {
  EXPECT_EQ(came, expected);
  EXPECT_NE(std::string(eenet_last_error()).find(text), std::string::npos) << eenet_last_error();
}

TEST(CApi, SaysItsVersions) {
  EXPECT_EQ(eenet_abi_version(), EENET_ABI_VERSION);
  EXPECT_EQ(std::string(eenet_version()).find_first_not_of("0123456789."), std::string::npos);
}

TEST(CApi, DescribesTheBundle) {
  Runtimes made;
  eenet_info info{};
  info.struct_size = sizeof info;
  ASSERT_EQ(eenet_get_info(&made.runtime, &info), EENET_OK);
  EXPECT_STREQ(info.model, "echo");
  EXPECT_EQ(std::strlen(info.id), 64U);
  EXPECT_STREQ(info.preprocessing, "{}");
  EXPECT_STREQ(info.backend, "test backend");
  EXPECT_EQ(info.num_exits, 3U);
  ASSERT_EQ(info.num_classes, 3U);
  EXPECT_STREQ(info.classes[2], "bird");
  ASSERT_EQ(info.num_inputs, 1U);
  EXPECT_STREQ(info.inputs[0].name, "x");
  EXPECT_EQ(info.inputs[0].dtype, EENET_FLOAT32);
  ASSERT_EQ(info.inputs[0].rank, 2U);
  EXPECT_EQ(info.inputs[0].shape[1], 3);
  EXPECT_EQ(info.inputs[0].max_shape[1], 3);
  EXPECT_STREQ(info.unit, "ms");
  EXPECT_EQ(info.costs[2], 3);
  ASSERT_EQ(info.num_schedules, 2U);
  EXPECT_GT(info.budgets[1], info.budgets[0]);
}

TEST(CApi, Infers) {
  Runtimes made;
  const EchoInput input = sample();
  eenet_tensor given = tensor(input);
  for (const char* name : {static_cast<const char*>(nullptr), "x"}) {
    given.name = name;
    Answered out;
    ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_OK);
    EXPECT_EQ(eenet_num_answers(out.answers), 1U);
    const eenet_answer found = out.at();
    EXPECT_EQ(found.struct_size, sizeof found);
    EXPECT_EQ(out.at().label, 1);
    EXPECT_EQ(out.at().exit, 1);
    EXPECT_NEAR(out.at().probability, 0.75, 1e-6);
    ASSERT_EQ(found.num_probabilities, 3U);
    EXPECT_NEAR(found.probabilities[0], 0.125, 1e-6);
    ASSERT_EQ(found.num_scores, 2U);
    EXPECT_NEAR(found.scores[1], 0.75, 1e-6);
    EXPECT_EQ(found.num_segments, 2U);
    EXPECT_GE(found.latency_ms, found.backend_ms);
    EXPECT_EQ(found.handoff, nullptr);
    EXPECT_EQ(found.values, nullptr);
  }
}

TEST(CApi, InfersAtFullDepth) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_infer_options options{};
  options.struct_size = sizeof options;
  options.full_depth = 1;
  Answered out;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  EXPECT_EQ(out.at().label, 2);
  EXPECT_EQ(out.at().exit, 2);
}

TEST(CApi, StopsWhereItIsTold) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_infer_options options{};
  options.struct_size = sizeof options;
  Answered out;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  EXPECT_EQ(out.at().stopped_by, EENET_STOP_POLICY);
  EXPECT_EQ(out.at().schedule, 0);
  std::int64_t exit = 0;
  options.max_exit = &exit;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  EXPECT_EQ(out.at().exit, 0);
  EXPECT_EQ(out.at().stopped_by, EENET_STOP_MAX_EXIT);
  exit = -1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_ERROR_INPUT,
                 "max_exit: -1 came");
  exit = 3;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_ERROR_INPUT);
  options.max_exit = nullptr;
  exit = 2;
  options.forced_exit = &exit;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  EXPECT_EQ(out.at().exit, 2);
  EXPECT_EQ(out.at().stopped_by, EENET_STOP_FORCED_EXIT);
  options.forced_exit = nullptr;
  options.deadline_ms = 1e6;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  options.deadline_ms = 1e-9;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out.answers), EENET_ERROR_BUDGET);
}

TEST(CApi, SetsBudgetsAndCounts) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  Answered out;
  std::vector<std::int64_t> schedules;
  std::vector<std::int64_t> exits;
  for (const double budget : {1.5, 2.0, 3.5}) {
    std::int64_t schedule = 7;
    ASSERT_EQ(eenet_set_budget(&made.runtime, budget, &schedule), EENET_OK);
    ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_OK);
    schedules.push_back(schedule);
    exits.push_back(out.at().exit);
  }
  EXPECT_EQ(schedules, (std::vector<std::int64_t>{0, 1, -1}));
  EXPECT_EQ(exits, (std::vector<std::int64_t>{1, 0, 2}));
  std::uint64_t counts[3] = {};
  eenet_stats stats{};
  stats.struct_size = sizeof stats;
  stats.exits = counts;
  stats.num_exits = 3;
  ASSERT_EQ(eenet_get_stats(&made.runtime, &stats), EENET_OK);
  EXPECT_EQ(stats.count, 3U);
  EXPECT_EQ(std::vector<std::uint64_t>(counts, counts + 3), (std::vector<std::uint64_t>(3, 1)));
  EXPECT_EQ(stats.mean_cost, 2);
  EXPECT_GT(stats.p99_ms, 0);
  ASSERT_EQ(eenet_reset_stats(&made.runtime), EENET_OK);
  ASSERT_EQ(eenet_get_stats(&made.runtime, &stats), EENET_OK);
  EXPECT_EQ(stats.count, 0U);
  EXPECT_TRUE(std::isnan(stats.mean_cost) && std::isnan(stats.p50_ms));
}

TEST(CApi, SetsShares) {
  Runtimes made;
  std::int64_t schedule = 7;
  ASSERT_EQ(eenet_set_budget_share(&made.runtime, 0.5, &schedule), EENET_OK);
  EXPECT_EQ(schedule, 0);
  ASSERT_EQ(eenet_set_budget(&made.runtime, 1e9, &schedule), EENET_OK);
  EXPECT_EQ(schedule, -1);
  expect_failure(eenet_set_budget_share(&made.runtime, 0.4, nullptr), EENET_ERROR_BUDGET,
                 "40% came");
  eenet_load_options options{};
  options.struct_size = sizeof options;
  options.budget = 2;
  options.budget_share = 0.5;
  eenet_runtime* runtime = nullptr;
  expect_failure(eenet_load("x", &options, &runtime), EENET_ERROR_INPUT,
                 "budget and budget_share: both came");
}

TEST(CApi, FailsWithTheRuntimesOwnWords) {
  Runtimes made;
  const EchoInput input = sample();
  eenet_tensor given = tensor(input);
  Answered out;
  expect_failure(eenet_set_budget(&made.runtime, 0.5, nullptr), EENET_ERROR_BUDGET, "0.5 ms came");
  given.rank = 1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "shape (3) came");
  EchoInput broken = sample();
  broken.values[4] = std::nanf("");
  given = tensor(broken);
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "nan");
  eenet_runtime* runtime = &made.runtime;
  expect_failure(eenet_load("/nowhere.eenet", nullptr, &runtime), EENET_ERROR_BACKEND,
                 "libonnxruntime.so");
  EXPECT_EQ(runtime, nullptr);
}

TEST(CApi, RefusesWhatIsNotThere) {
  Runtimes made;
  const EchoInput input = sample();
  eenet_tensor given = tensor(input);
  Answered out;
  expect_failure(eenet_load("x", nullptr, nullptr), EENET_ERROR_INPUT, "runtime: NULL came");
  eenet_runtime* runtime = nullptr;
  expect_failure(eenet_load(nullptr, nullptr, &runtime), EENET_ERROR_INPUT, "path: NULL");
  expect_failure(eenet_infer(nullptr, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "runtime");
  expect_failure(eenet_infer(&made.runtime, nullptr, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "inputs");
  expect_failure(eenet_infer(&made.runtime, &given, 0, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "0 tensors came, 1 expected");
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, nullptr), EENET_ERROR_INPUT,
                 "answers: NULL came");
  expect_failure(eenet_resume(&made.runtime, nullptr, 0, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "handoff: NULL came");
  EXPECT_EQ(out.answers, nullptr);
  EXPECT_EQ(eenet_num_answers(nullptr), 0U);
  eenet_answer answer{};
  expect_failure(eenet_get_answer(nullptr, 0, &answer), EENET_ERROR_INPUT, "answers: NULL came");
  given.shape = nullptr;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "inputs[0]: shape: NULL came");
  given = tensor(input);
  given.data = nullptr;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "inputs[0]: data: NULL came");
  given = tensor(input);
  given.dtype = 7;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_ERROR_INPUT,
                 "inputs[0]: dtype 7 came, an eenet_dtype expected, as EENET_FLOAT32");
  expect_failure(eenet_set_budget(nullptr, 1, nullptr), EENET_ERROR_INPUT, "runtime");
  expect_failure(eenet_get_info(&made.runtime, nullptr), EENET_ERROR_INPUT, "info");
  expect_failure(eenet_get_stats(&made.runtime, nullptr), EENET_ERROR_INPUT, "stats");
  expect_failure(eenet_reset_stats(nullptr), EENET_ERROR_INPUT, "runtime");
  eenet_free(nullptr);
}

TEST(CApi, RefusesMemoryOfAnotherSize) {
  Runtimes made;
  std::uint64_t counts[4] = {};
  eenet_stats stats{};
  stats.struct_size = sizeof stats;
  stats.exits = counts;
  stats.num_exits = 4;
  expect_failure(eenet_get_stats(&made.runtime, &stats), EENET_ERROR_INPUT, "room for 4");
  stats.exits = nullptr;
  ASSERT_EQ(eenet_get_stats(&made.runtime, &stats), EENET_OK);
  EXPECT_EQ(stats.count, 0U);
}

TEST(CApi, FillsNoMoreThanTheCallerKnows) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  Answered out;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out.answers), EENET_OK);
  eenet_answer answer{};
  answer.struct_size = offsetof(eenet_answer, schedule);  // An older program's.
  answer.latency_ms = -1;
  ASSERT_EQ(eenet_get_answer(out.answers, 0, &answer), EENET_OK);
  EXPECT_EQ(answer.exit, 1);
  EXPECT_EQ(answer.schedule, 0);
  EXPECT_EQ(answer.latency_ms, -1);
}

TEST(CApi, AnswersBatches) {
  Runtimes made;
  EchoInput input = sample();
  const EchoInput other({confident(2, 0.95), confident(0, 0.5), confident(0, 0.5)});
  input.values.insert(input.values.end(), other.values.begin(), other.values.end());
  const std::int64_t shape[] = {2, 3, 3};
  const eenet_tensor given = {nullptr, EENET_FLOAT32, 3, shape, input.values.data()};
  eenet_infer_options options = infer_options();
  options.return_outputs = 1;
  Answered out;
  ASSERT_EQ(eenet_infer_batch(&made.runtime, &given, 1, &options, &out.answers), EENET_OK);
  ASSERT_EQ(eenet_num_answers(out.answers), 2U);
  EXPECT_EQ(out.at(0).exit, 1);
  EXPECT_EQ(out.at(0).label, 1);
  EXPECT_EQ(out.at(1).exit, 0);
  EXPECT_EQ(out.at(1).label, 2);
  EXPECT_EQ(out.output(0, 1), confident(1, 0.75));
  EXPECT_EQ(out.output(1, 0), confident(2, 0.95));
  eenet_output output{};
  expect_failure(eenet_get_output(out.answers, 1, 1, 0, &output), EENET_ERROR_INPUT,
                 "exit: 1 came, below 1 expected");
  expect_failure(eenet_get_output(out.answers, 1, 0, 1, &output), EENET_ERROR_INPUT, "tensor: 1");
  expect_failure(eenet_get_output(out.answers, 2, 0, 0, &output), EENET_ERROR_INPUT, "sample: 2");
  // Answers are replaced by those of the next call.
  const eenet_answers* const before = out.answers;
  const EchoInput one = sample();
  const eenet_tensor single = tensor(one);
  ASSERT_EQ(eenet_infer(&made.runtime, &single, 1, nullptr, &out.answers), EENET_OK);
  EXPECT_EQ(out.answers, before);
  EXPECT_EQ(eenet_num_answers(out.answers), 1U);
  expect_failure(eenet_get_output(out.answers, 0, 0, 0, &output), EENET_ERROR_INPUT,
                 "outputs: none were kept");
  options.deadline_ms = 5;
  expect_failure(eenet_infer_batch(&made.runtime, &given, 1, &options, &out.answers),
                 EENET_ERROR_INPUT, "deadline_ms: came with a batch");
  EXPECT_EQ(eenet_num_answers(out.answers), 1U) << "a call that fails leaves answers as they are";
}

TEST(CApi, HandsOnAndResumes) {
  Runtimes made;
  test::TemporaryFolder folder;
  slice_bundle(made.network.path(), 0, 1, folder.path() / "head.eenet");
  eenet_runtime head(std::make_unique<Runtime>(Model::load(
      folder.path() / "head.eenet", EchoNetwork::default_options(), made.network.backend())));
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_infer_options options = infer_options();
  options.return_outputs = 1;
  Answered out;
  ASSERT_EQ(eenet_infer(&head, &given, 1, &options, &out.answers), EENET_OK);
  const eenet_answer handed = out.at();
  EXPECT_EQ(handed.stopped_by, EENET_STOP_HANDED_ON);
  EXPECT_EQ(handed.exit, 0);
  EXPECT_EQ(handed.label, 0);
  ASSERT_NE(handed.handoff, nullptr);
  Answered resumed;
  for (int i = 0; i < 2; ++i) {  // A retry is safe.
    ASSERT_EQ(eenet_resume(&made.runtime, handed.handoff, handed.handoff_size, &options,
                           &resumed.answers),
              EENET_OK);
    EXPECT_EQ(resumed.at().exit, 1);
    EXPECT_EQ(resumed.at().label, 1);
    EXPECT_EQ(resumed.at().num_segments, 1U);
    EXPECT_EQ(resumed.output(0, 0), confident(0, 0.8));
    EXPECT_EQ(resumed.output(0, 1), confident(1, 0.75));
  }
  options.half_handoff = 1;
  Answered half;
  ASSERT_EQ(eenet_infer(&head, &given, 1, &options, &half.answers), EENET_OK);
  EXPECT_LT(half.at().handoff_size, handed.handoff_size);
  expect_failure(
      eenet_resume(&made.runtime, handed.handoff, handed.handoff_size - 1, nullptr, &half.answers),
      EENET_ERROR_INPUT, "hand-off: ");
}

TEST(CApi, TellsWhoeverListens) {
  Runtimes made;
  std::vector<std::pair<std::int64_t, std::string>> heard;
  const auto listen = [](void* user, std::int64_t level, const char* message) {
    static_cast<decltype(heard)*>(user)->emplace_back(level, message);
  };
  eenet_set_log(listen, &heard);
  ASSERT_EQ(eenet_set_budget(&made.runtime, 1e9, nullptr), EENET_OK);
  log(LogLevel::kError, "two words\n\n");
  eenet_set_log(nullptr, nullptr);
  ASSERT_EQ(eenet_set_budget(&made.runtime, 1e9, nullptr), EENET_OK);
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0].first, EENET_LOG_WARNING);
  EXPECT_NE(heard[0].second.find("full depth"), std::string::npos) << heard[0].second;
  EXPECT_EQ(heard[1], std::pair(std::int64_t{EENET_LOG_ERROR}, std::string("two words")));
}

TEST(CApi, ChecksWhatComputes) {
  eenet_load_options options{};
  options.struct_size = sizeof options;
  options.provider = "abacus";
  eenet_runtime* runtime = nullptr;
  expect_failure(eenet_load("x", &options, &runtime), EENET_ERROR_INPUT, "'abacus'");
  options.provider = nullptr;
  options.plugin = "x.so";
  expect_failure(eenet_load("x", &options, &runtime), EENET_ERROR_INPUT, "provider: NULL came");
  const eenet_option nameless = {nullptr, "1"};
  options.provider = "openvino";
  options.provider_options = &nameless;
  options.num_provider_options = 1;
  expect_failure(eenet_load("x", &options, &runtime), EENET_ERROR_INPUT,
                 "provider_options: name: NULL came");
}

TEST(CApi, TakesStructsOfNewerPrograms) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  struct {
    eenet_infer_options known;
    std::int64_t added;
  } options{};
  options.known.struct_size = sizeof options;
  Answered out;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out.answers), EENET_OK);
  options.added = 1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, &options.known, &out.answers),
                 EENET_ERROR_INPUT,
                 "options: it asks for something that only a newer version of eenet knows");
  options.added = 0;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out.answers), EENET_OK);
  eenet_answer answer{};
  for (const std::size_t size : {std::size_t{0}, SIZE_MAX}) {
    answer.struct_size = size;
    expect_failure(eenet_get_answer(out.answers, 0, &answer), EENET_ERROR_INPUT,
                   "answer: struct_size is " + std::to_string(size));
  }
}

TEST(CApi, LeavesNothingBehindInStructsOfNewerPrograms) {
  Runtimes made;
  struct {
    eenet_info known;
    std::int64_t added[2];
    std::int64_t beyond;
  } info{};
  info.added[0] = 7;
  info.added[1] = 8;
  info.beyond = 9;
  info.known.struct_size = offsetof(decltype(info), beyond);
  ASSERT_EQ(eenet_get_info(&made.runtime, &info.known), EENET_OK);
  EXPECT_STREQ(info.known.model, "echo");
  EXPECT_EQ(info.known.struct_size, offsetof(decltype(info), beyond));
  EXPECT_EQ(info.added[0], 0);
  EXPECT_EQ(info.added[1], 0);
  EXPECT_EQ(info.beyond, 9);
}

TEST(CApi, RefusesOptionsInEveryByteThatItDoesNotKnow) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  struct {
    eenet_infer_options known;
    unsigned char added[16];
  } options{};
  options.known.struct_size = sizeof options;
  Answered out;
  for (unsigned char& byte : options.added) {
    byte = 1;
    EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out.answers),
              EENET_ERROR_INPUT);
    byte = 0;
  }
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out.answers), EENET_OK);
}

TEST(CApi, KeepsTheErrorsOfThreadsApart) {
  Runtimes made;
  expect_failure(eenet_set_budget(&made.runtime, 0.5, nullptr), EENET_ERROR_BUDGET, "0.5 ms");
  std::string before;
  std::string after;
  std::thread other([&] {
    before = eenet_last_error();
    eenet_set_budget(&made.runtime, 0.25, nullptr);
    after = eenet_last_error();
  });
  other.join();
  EXPECT_EQ(before, "");
  EXPECT_NE(after.find("0.25 ms"), std::string::npos);
  expect_failure(EENET_OK, EENET_OK, "0.5 ms");
}

}  // namespace
}  // namespace eenet
