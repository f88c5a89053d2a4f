#include <vector>

#include <gtest/gtest.h>

#include "eenet/runtime.h"

#include "test_backend.h"

namespace eenet {
namespace {

using test::confident;
using test::EchoInput;
using test::EchoNetwork;

TEST(Runner, LeavesWhereThePolicyAccepts) {
  const EchoNetwork network({{0.9, 0.7}});
  Runtime runtime(network.load());
  const EchoInput early({confident(0, 0.95), confident(1, 0.95), confident(2, 0.95)});
  const EchoInput middle({confident(0, 0.8), confident(1, 0.75), confident(2, 0.5)});
  const EchoInput late({confident(0, 0.8), confident(1, 0.6), confident(2, 0.5)});
  std::vector<std::size_t> exits;
  std::vector<std::size_t> labels;
  for (const EchoInput* input : {&early, &middle, &late}) {
    const Result result = runtime.infer(std::vector{input->sample()});
    exits.push_back(result.exit);
    labels.push_back(result.label);
  }
  EXPECT_EQ(exits, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(labels, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Runner, ComputesOnlyTheRowsThatStay) {
  std::vector<std::vector<std::size_t>> rows(EchoNetwork::kExits);
  const EchoNetwork network({{0.9, 0.7}}, [&rows](std::size_t segment, std::size_t count) {
    rows[segment].push_back(count);
  });
  Runtime runtime(network.load());
  for (auto& counts : rows) counts.clear();
  const EchoInput input({confident(0, 0.8), confident(0, 0.6), confident(2, 0.5),     //
                         confident(0, 0.95), confident(1, 0.95), confident(2, 0.95),  //
                         confident(0, 0.8), confident(1, 0.75), confident(2, 0.5)});
  const BatchResult result = runtime.infer_batch(std::vector{input.batch()});
  EXPECT_EQ(result.exits, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(result.labels, (std::vector<std::int64_t>{2, 0, 1}));
  EXPECT_EQ(rows, (std::vector<std::vector<std::size_t>>{{3}, {2}, {1}}));
}

}  // namespace
}  // namespace eenet
