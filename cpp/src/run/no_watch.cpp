// In place of the target eenet_watch, in a build without it.

#include "eenet/error.h"

#include "run/observer.h"

namespace eenet {

std::shared_ptr<Observer> make_watch(const Manifest& /*manifest*/, const BudgetTable& /*table*/,
                                     WatchOptions /*options*/) {
  throw Error(ErrorCode::kConfiguration,
              "watch: this build has none, since it was made with EENET_WATCH=OFF");
}

}  // namespace eenet
