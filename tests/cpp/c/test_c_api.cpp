#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "c/c_runtime.h"
#include "test_backend.h"

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

eenet_result result() {
  eenet_result out{};
  out.struct_size = sizeof out;
  return out;
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
    float probabilities[3] = {};
    eenet_result out = result();
    out.probabilities = probabilities;
    out.num_probabilities = 3;
    ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_OK);
    EXPECT_EQ(out.struct_size, sizeof out);
    EXPECT_EQ(out.label, 1);
    EXPECT_EQ(out.exit, 1);
    EXPECT_NEAR(out.probability, 0.75, 1e-6);
    EXPECT_NEAR(probabilities[0], 0.125, 1e-6);
    EXPECT_GE(out.latency_ms, out.backend_ms);
  }
}

TEST(CApi, InfersAtFullDepth) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_infer_options options{};
  options.struct_size = sizeof options;
  options.full_depth = 1;
  eenet_result out = result();
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_OK);
  EXPECT_EQ(out.label, 2);
  EXPECT_EQ(out.exit, 2);
}

TEST(CApi, StopsWhereItIsTold) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_infer_options options{};
  options.struct_size = sizeof options;
  eenet_result out = result();
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_OK);
  EXPECT_EQ(out.stopped_by, EENET_STOP_POLICY);
  EXPECT_EQ(out.schedule, 0);
  options.max_exits = 1;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_OK);
  EXPECT_EQ(out.exit, 0);
  EXPECT_EQ(out.stopped_by, EENET_STOP_MAX_EXITS);
  options.max_exits = -1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_ERROR_INPUT,
                 "max_exits: -1 came");
  options.max_exits = 4;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_ERROR_INPUT);
  options.max_exits = 0;
  options.deadline_ms = 1e6;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_OK);
  options.deadline_ms = 1e-9;
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options, &out), EENET_ERROR_BUDGET);
}

TEST(CApi, SetsBudgetsAndCounts) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_result out = result();
  std::vector<std::int64_t> schedules;
  std::vector<std::int64_t> exits;
  for (const double budget : {1.5, 2.0, 3.5}) {
    std::int64_t schedule = 7;
    ASSERT_EQ(eenet_set_budget(&made.runtime, budget, &schedule), EENET_OK);
    ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_OK);
    schedules.push_back(schedule);
    exits.push_back(out.exit);
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
  eenet_result out = result();
  expect_failure(eenet_set_budget(&made.runtime, 0.5, nullptr), EENET_ERROR_BUDGET, "0.5 ms came");
  given.rank = 1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "shape (3) came");
  EchoInput broken = sample();
  broken.values[4] = std::nanf("");
  given = tensor(broken);
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT, "nan");
  eenet_runtime* runtime = &made.runtime;
  expect_failure(eenet_load("/nowhere.eenet", nullptr, &runtime), EENET_ERROR_BACKEND,
                 "libonnxruntime.so");
  EXPECT_EQ(runtime, nullptr);
}

TEST(CApi, RefusesWhatIsNotThere) {
  Runtimes made;
  const EchoInput input = sample();
  eenet_tensor given = tensor(input);
  eenet_result out = result();
  expect_failure(eenet_load("x", nullptr, nullptr), EENET_ERROR_INPUT, "runtime: NULL came");
  eenet_runtime* runtime = nullptr;
  expect_failure(eenet_load(nullptr, nullptr, &runtime), EENET_ERROR_INPUT, "path: NULL");
  expect_failure(eenet_infer(nullptr, &given, 1, nullptr, &out), EENET_ERROR_INPUT, "runtime");
  expect_failure(eenet_infer(&made.runtime, nullptr, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "inputs");
  expect_failure(eenet_infer(&made.runtime, &given, 0, nullptr, &out), EENET_ERROR_INPUT,
                 "0 tensors came, 1 expected");
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, nullptr), EENET_ERROR_INPUT,
                 "result");
  given.shape = nullptr;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "inputs[0]: shape: NULL came");
  given = tensor(input);
  given.data = nullptr;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "inputs[0]: data: NULL came");
  given = tensor(input);
  given.dtype = 7;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "inputs[0]: dtype 7 came, EENET_FLOAT32 or EENET_INT64 expected");
  expect_failure(eenet_set_budget(nullptr, 1, nullptr), EENET_ERROR_INPUT, "runtime");
  expect_failure(eenet_get_info(&made.runtime, nullptr), EENET_ERROR_INPUT, "info");
  expect_failure(eenet_get_stats(&made.runtime, nullptr), EENET_ERROR_INPUT, "stats");
  expect_failure(eenet_reset_stats(nullptr), EENET_ERROR_INPUT, "runtime");
  eenet_free(nullptr);
}

TEST(CApi, RefusesMemoryOfAnotherSize) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  float probabilities[2] = {};
  eenet_result out = result();
  out.probabilities = probabilities;
  out.num_probabilities = 2;
  expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                 "probabilities: room for 2 came, for 3 expected");
  std::uint64_t counts[4] = {};
  eenet_stats stats{};
  stats.struct_size = sizeof stats;
  stats.exits = counts;
  stats.num_exits = 4;
  expect_failure(eenet_get_stats(&made.runtime, &stats), EENET_ERROR_INPUT, "room for 4");
  stats.exits = nullptr;
  ASSERT_EQ(eenet_get_stats(&made.runtime, &stats), EENET_OK);
  EXPECT_EQ(stats.count, 0U);  // The call that was refused did not run.
}

TEST(CApi, FillsNoMoreThanTheCallerKnows) {
  Runtimes made;
  const EchoInput input = sample();
  const eenet_tensor given = tensor(input);
  eenet_result out = result();
  out.struct_size = offsetof(eenet_result, probability);  // An older program's.
  out.latency_ms = -1;
  ASSERT_EQ(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_OK);
  EXPECT_EQ(out.exit, 1);
  EXPECT_EQ(out.probability, 0);
  EXPECT_EQ(out.latency_ms, -1);
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
  eenet_result out = result();
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out), EENET_OK);
  options.added = 1;
  expect_failure(eenet_infer(&made.runtime, &given, 1, &options.known, &out), EENET_ERROR_INPUT,
                 "options: it asks for something that only a newer version of eenet knows");
  for (const std::size_t size : {std::size_t{0}, SIZE_MAX}) {
    out.struct_size = size;
    expect_failure(eenet_infer(&made.runtime, &given, 1, nullptr, &out), EENET_ERROR_INPUT,
                   "result: struct_size is " + std::to_string(size));
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
  eenet_result out = result();
  for (unsigned char& byte : options.added) {
    byte = 1;
    EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out), EENET_ERROR_INPUT);
    byte = 0;
  }
  EXPECT_EQ(eenet_infer(&made.runtime, &given, 1, &options.known, &out), EENET_OK);
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
