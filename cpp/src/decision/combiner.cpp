#include "decision/combiner.h"

#include <utility>

#include "decision/check_numbers.h"
#include "util/text.h"

namespace eenet {

Combiner::Combiner(std::size_t num_exits, std::size_t num_classes, std::vector<float> weight,
                   std::vector<float> bias)
    : num_exits_(num_exits),
      num_classes_(num_classes),
      weight_(std::move(weight)),
      bias_(std::move(bias)) {
  expect_schedule(num_exits >= 1 && num_classes >= 2,
                  cat("combiner: ", num_exits, " exits and ", num_classes,
                      " classes came, at least 1 exit and 2 classes expected"));
  check_numbers(weight_, num_exits * num_exits, "combiner, weight");
  check_numbers(bias_, num_exits * num_classes, "combiner, bias");
  for (std::size_t exit = 0; exit < num_exits; ++exit) {
    for (std::size_t later = exit + 1; later < num_exits; ++later) {
      expect_schedule(
          weight_[exit * num_exits + later] == 0,
          cat("combiner, weight[", exit, ", ", later, "]: ", weight_[exit * num_exits + later],
              " came, 0 expected: exit ", later, " has not run yet at exit ", exit));
    }
  }
}

}  // namespace eenet
