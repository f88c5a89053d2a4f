#include <atomic>
#include <chrono>
#include <cstdlib>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "backends/ort/process.h"
#include "support.h"

namespace eenet {
namespace {

using test::expect_error;

constexpr int kHung = 99;

/// What a child that does work ends with; kHung if it does not end.
template <typename Work>
int status_of_child(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    std::exit(0);
  }
  for (int i = 0; i < 1000; ++i) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return kHung;
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

// The process of the tests itself is never watched: it forks.
TEST(Process, LetsForkedChildrenEndWithTheirStatus) {
  const int status = status_of_child([] {
    ort::watch_process();
    std::atexit([] { ort::forked() ? hang() : void(); });  // As the library does.
    std::exit(status_of_child([] { std::exit(7); }));
  });
  EXPECT_EQ(status, 7);
}

TEST(Process, RefusesForkedChildren) {
  const int status = status_of_child([] {
    ort::watch_process();
    ort::check_fork();
    ort::Activity activity([] {});
    std::exit(status_of_child([&activity] {
      expect_error(ErrorCode::kConfiguration, {"forked"}, [] { ort::check_fork(); });
      expect_error(ErrorCode::kConfiguration, {"forked"},
                   [&] { const ort::Activity::Run run(activity); });
      expect_error(ErrorCode::kConfiguration, {"forked"},
                   [] { const ort::Activity another([] {}); });
      ::_exit(testing::Test::HasFailure() ? 1 : 7);
    }));
  });
  EXPECT_EQ(status, 7);
}

TEST(Process, EndsWhatRunsBeforeItExits) {
  static std::atomic<bool> stopped{false};
  static std::atomic<int> running{0};
  const int status = status_of_child([] {
    ort::watch_process();
    static auto* const activity = new ort::Activity([] { stopped = true; });  // To the end.
    std::thread([] {
      for (;;) {
        const ort::Activity::Run run(*activity);
        ++running;
        while (!stopped) std::this_thread::yield();
        --running;
      }
    }).detach();
    while (running == 0) std::this_thread::yield();
    std::exit(5);
  });
  EXPECT_EQ(status, 5);
}

TEST(Process, DoesNotWaitForThreadsThatItKeepsFromRunning) {
  static ort::Activity* activity = nullptr;
  static std::thread* worker = nullptr;
  const int status = status_of_child([] {
    std::atexit([] { worker->join(); });  // Called after the watch's handler.
    ort::watch_process();
    activity = new ort::Activity([] {});
    worker = new std::thread([] {
      for (;;) const ort::Activity::Run run(*activity);
    });
    std::exit(5);
  });
  EXPECT_EQ(status, 5);
}

}  // namespace
}  // namespace eenet
