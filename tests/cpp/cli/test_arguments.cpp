#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "arguments.h"
#include "support.h"

namespace eenet::tools {
namespace {

using test::expect_error;

TEST(Arguments, HaveDefaults) {
  const Arguments arguments = parse_arguments({"net.eenet", "x.npy"});
  EXPECT_EQ(arguments.bundle, "net.eenet");
  ASSERT_EQ(arguments.inputs.size(), 1U);
  EXPECT_FALSE(arguments.inputs[0].name);
  EXPECT_EQ(arguments.inputs[0].path, "x.npy");
  EXPECT_FALSE(arguments.budget || arguments.onnxruntime || arguments.json || arguments.outputs ||
               arguments.full_depth || arguments.help || arguments.version);
  EXPECT_EQ(arguments.threads, 1);
}

TEST(Arguments, TakeShares) {
  const Arguments arguments = parse_arguments({"net.eenet", "x.npy", "--budget=65%"});
  EXPECT_EQ(arguments.budget->value, 0.65);
  EXPECT_TRUE(arguments.budget->is_share);
}

TEST(Arguments, TakeOptionsAnywhere) {
  const Arguments arguments =
      parse_arguments({"--budget", "2.5", "net.eenet", "--threads=4", "ids=a.npy", "--json",
                       "mask=b=c.npy", "--ort-lib", "lib.so", "--outputs"});
  EXPECT_EQ(arguments.budget->value, 2.5);
  EXPECT_FALSE(arguments.budget->is_share);
  EXPECT_EQ(arguments.threads, 4);
  EXPECT_EQ(arguments.onnxruntime, "lib.so");
  EXPECT_TRUE(arguments.json && arguments.outputs);
  EXPECT_FALSE(arguments.full_depth);
  EXPECT_TRUE(parse_arguments({"net.eenet", "x.npy", "--full-depth"}).full_depth);
  ASSERT_EQ(arguments.inputs.size(), 2U);
  EXPECT_EQ(arguments.inputs[0].name, "ids");
  EXPECT_EQ(arguments.inputs[1].name, "mask");
  EXPECT_EQ(arguments.inputs[1].path, "b=c.npy");
}

TEST(Arguments, NeedNothingElseForHelp) {
  EXPECT_TRUE(parse_arguments({"--help"}).help);
  EXPECT_TRUE(parse_arguments({"-h"}).help);
  EXPECT_TRUE(parse_arguments({"--version"}).version);
}

TEST(Arguments, RefuseMistakes) {
  const std::pair<std::vector<std::string>, std::string> mistakes[] = {
      {{}, "a bundle and an input expected"},
      {{"net.eenet"}, "a bundle and an input expected"},
      {{"net.eenet", "x.npy", "--budgets", "1"}, "option '--budgets' is not known"},
      {{"net.eenet", "x.npy", "--json=yes"}, "option '--json=yes' is not known"},
      {{"net.eenet", "x.npy", "--budget"}, "--budget: a value expected"},
      {{"net.eenet", "x.npy", "--budget", "2ms"},
       "--budget: '2ms' came, a number above 0 or a share"},
      {{"net.eenet", "x.npy", "--threads", "1.5"}, "--threads: '1.5' came, a number expected"},
      {{"net.eenet", "x.npy", "--full-depth", "--budget", "65%"},
       "--full-depth: came with --budget, one of them expected"},
      {{"net.eenet", "x.npy", "--outputs"}, "--outputs: needs --json"}};
  for (const auto& [words, message] : mistakes) {
    expect_error(ErrorCode::kInput, {message}, [&words = words] { parse_arguments(words); });
  }
}

}  // namespace
}  // namespace eenet::tools
