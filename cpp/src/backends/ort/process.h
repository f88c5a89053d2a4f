#pragma once

#include <atomic>
#include <functional>
#include <list>

namespace eenet::ort {

// ONNX Runtime and the life of the process: its threads and locks do not come along into a forked
// child, and its destructors run at exit, whoever is still computing.

/// To be called once the library has its environment; later calls do nothing.
///
/// A child that is forked from then on leaves without the library's exit handlers, which would wait
/// for threads that it does not have: stdio is flushed, and handlers that were registered before
/// the fork are not called. At exit of the process itself, runs under way are ended first.
void watch_process();

/// Whether this process was forked from one that had called watch_process().
bool forked() noexcept;

/// @throws Error(kConfiguration) in such a process.
void check_fork();

/// Does not return once the process is on its way out, but in the thread that ends it.
void stay_out_of_exit();

/// Something that runs now and then, and that the end of the process must not overtake.
class Activity {
 public:
  /// @param stop Ends a run that is under way; called in another thread, over and over until the
  ///   run has ended.
  /// @throws Error(kConfiguration) as check_fork().
  explicit Activity(std::function<void()> stop);
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;
  ~Activity();

  /// Ends all that run. Returns once nothing does, or after some seconds.
  static void stop_all();

  /// One run of it.
  class Run {
   public:
    /// @throws Error(kConfiguration) as check_fork(); does what stay_out_of_exit() does.
    explicit Run(Activity& activity);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

   private:
    Activity& activity_;
  };

 private:
  std::function<void()> stop_;
  std::atomic<bool> running_{false};
  std::list<Activity*>::iterator place_;
};

}  // namespace eenet::ort
