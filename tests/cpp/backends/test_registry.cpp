#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backends/registry.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

/// Says what it was opened with.
class Named : public Backend {
 public:
  explicit Named(std::string provider) : provider_(std::move(provider)) {}

  std::string provider() const override { return provider_; }
  std::string version() const override { return provider_; }
  std::unique_ptr<Segment> open(const std::string&, std::span<const std::byte>,
                                const OpenOptions&) const override {
    return nullptr;
  }

 private:
  std::string provider_;
};

std::shared_ptr<const Backend> open_first(const LoadOptions& options) {
  return std::make_shared<Named>(options.providers.front().name);
}

const BackendRegistry kTwo({{"one", [] { return std::vector<std::string_view>{"short", "one:a"}; },
                             [](std::string_view) { return Accelerator::kNone; }, &open_first,
                             [](const LibraryFiles&) {
                               return std::vector<ProviderInfo>{{"short", "one", "", "1", ""}};
                             }},
                            {"two", [] { return std::vector<std::string_view>{"two:b"}; },
                             [](std::string_view) { return Accelerator::kNvidia; }, &open_first,
                             [](const LibraryFiles&) {
                               return std::vector<ProviderInfo>{{"two:b", "two", "", "2", ""}};
                             }}});

TEST(Registry, KnowsWhatProvidersComputeOn) {
  EXPECT_EQ(kTwo.accelerator("two:b"), Accelerator::kNvidia);
  EXPECT_EQ(kTwo.accelerator("short"), Accelerator::kNone);
  expect_error(ErrorCode::kInput, {"'three' came"}, [] { kTwo.accelerator("three"); });
  for (const std::string_view name : BackendRegistry::built_in().provider_names()) {
    const bool host = name == "cpu" || name == "openvino";
    EXPECT_EQ(BackendRegistry::built_in().accelerator(std::string(name)),
              host ? Accelerator::kNone : Accelerator::kNvidia);
  }
}

LoadOptions asking_for(std::vector<ProviderSpec> providers) {
  LoadOptions options;
  options.providers = std::move(providers);
  return options;
}

TEST(Registry, FindsTheBackendByItsProviders) {
  EXPECT_EQ(kTwo.open(asking_for({{"two:b"}}))->provider(), "two:b");
  EXPECT_EQ(kTwo.open(asking_for({{"one:a"}, {"short"}}))->provider(), "one:a");
}

TEST(Registry, RefusesWhatNoBackendHas) {
  expect_error(ErrorCode::kInput, {"providers: 'b' came, one of short, one:a, two:b expected"},
               [] { kTwo.open(asking_for({{"b"}})); });
  expect_error(ErrorCode::kInput, {"providers: none came"}, [] { kTwo.open(asking_for({})); });
}

TEST(Registry, RefusesProvidersOfTwoBackends) {
  expect_error(ErrorCode::kInput,
               {"providers: 'two:b' of two came after 'one:a' of one, one backend expected"},
               [] { kTwo.open(asking_for({{"one:a"}, {"two:b"}})); });
}

TEST(Registry, ListsWhatEachBackendHas) {
  std::vector<std::string> names;
  for (const ProviderInfo& info : kTwo.list({})) names.push_back(info.backend + " " + info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"one short", "two two:b"}));
}

TEST(Registry, HasOnnxRuntime) {
  const std::vector<std::string_view> names = provider_names();
  EXPECT_EQ(names.front(), "cpu");
  for (const std::string_view name : names) {
    EXPECT_TRUE(name == "cpu" || name == "openvino" || name.starts_with("onnxruntime:")) << name;
  }
}

}  // namespace
}  // namespace eenet
