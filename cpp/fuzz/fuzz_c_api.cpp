// Calls of the C interface: structs of any size, tensors of any shape, names and numbers of any
// kind.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "eenet/c_api.h"
#include "eenet/options.h"

#include "bundle/bundle.h"
#include "c/c_runtime.h"
#include "engine/model.h"
#include "fuzz.h"
#include "run/load.h"
#include "stub_backend.h"

namespace {

using namespace eenet;
using fuzz::Choices;

constexpr std::size_t kMostElements = 64;

eenet_runtime& runtime() {
  static eenet_runtime made = [] {
    const Bundle bundle = Bundle::open(EENET_GOLDEN_BUNDLE);
    return eenet_runtime(
        load_runtime(EENET_GOLDEN_BUNDLE, LoadOptions{}, fuzz::stub_backend(bundle.manifest())));
  }();
  return made;
}

/// A struct of the size that it says, of any content: longer or shorter than the library knows.
template <typename Struct>
class Sized {
 public:
  explicit Sized(Choices& choices) {
    const std::size_t sizes[] = {sizeof(Struct),
                                 sizeof(Struct),
                                 sizeof(std::size_t),
                                 0,
                                 choices.below(2 * sizeof(Struct)),
                                 sizeof(Struct) + 8};
    size_ = sizes[choices.below(std::size(sizes))];
    memory_.resize(std::max(size_, sizeof(std::size_t)));
    const std::span<const std::byte> content = choices.take(memory_.size());
    std::copy(content.begin(), content.end(), memory_.begin());
    std::memcpy(memory_.data(), &size_, sizeof size_);
  }

  /// Overwrites a field where the struct is long enough to have it.
  template <typename Field>
  void set(std::size_t offset, Field value) {
    if (offset + sizeof value <= size_) std::memcpy(memory_.data() + offset, &value, sizeof value);
  }

  Struct* get() { return reinterpret_cast<Struct*>(memory_.data()); }

 private:
  std::size_t size_ = 0;
  std::vector<std::byte> memory_;
};

void infer(Choices& choices) {
  struct Input {
    std::string name;
    std::vector<std::int64_t> shape;
    std::array<double, kMostElements> data{};
  };
  std::vector<Input> made(choices.below(4));
  std::vector<eenet_tensor> tensors;
  for (Input& input : made) {
    const std::size_t kind = choices.below(3);
    if (kind == 1) input.name = "x";
    if (kind == 2) {
      const std::span<const std::byte> name = choices.take(choices.below(40));
      input.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
    }
    input.shape.resize(choices.below(10));
    for (std::int64_t& dim : input.shape) {
      dim = choices.below(2) == 0 ? 4 : choices.number<std::int64_t>();
    }
    for (double& number : input.data) number = choices.number<double>();
    tensors.push_back({kind == 0 ? nullptr : input.name.c_str(),
                       static_cast<std::int64_t>(choices.below(4)) - 1, input.shape.size(),
                       input.shape.data(), input.data.data()});
  }
  Sized<eenet_infer_options> options(choices);
  Sized<eenet_result> result(choices);
  std::array<float, 3> probabilities{};
  result.set(offsetof(eenet_result, probabilities),
             choices.below(2) == 0 ? nullptr : probabilities.data());
  result.set(offsetof(eenet_result, num_probabilities), choices.below(4));
  eenet_infer(&runtime(), tensors.data(), tensors.size(),
              choices.below(4) == 0 ? nullptr : options.get(), result.get());
}

void stats(Choices& choices) {
  Sized<eenet_stats> stats(choices);
  std::array<std::uint64_t, 2> exits{};
  stats.set(offsetof(eenet_stats, exits), choices.below(2) == 0 ? nullptr : exits.data());
  stats.set(offsetof(eenet_stats, num_exits), choices.below(3));
  eenet_get_stats(&runtime(), stats.get());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(fuzz::bytes_of(data, size));
  while (!choices.empty()) {
    switch (choices.below(6)) {
      case 0: {
        Sized<eenet_info> info(choices);
        eenet_get_info(&runtime(), info.get());
        break;
      }
      case 1: {
        std::int64_t schedule = 0;
        eenet_set_budget(&runtime(), choices.number<double>(),
                         choices.below(2) == 0 ? nullptr : &schedule);
        break;
      }
      case 2:
        stats(choices);
        break;
      case 3:
        eenet_reset_stats(&runtime());
        break;
      default:
        infer(choices);
    }
    fuzz::expect(std::strlen(eenet_last_error()) < 20'000);
  }
  return 0;
}
