#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "util/free_list.h"

namespace eenet {
namespace {

/// Counts how many there are.
struct Counted {
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  std::atomic<int>& count_;
  std::atomic<int> users{0};
};

TEST(FreeList, GivesBackWhatItGot) {
  FreeList<int> list;
  EXPECT_EQ(list.take(), nullptr);
  list.put(std::make_unique<int>(7));
  const std::unique_ptr<int> seven = list.take();
  ASSERT_NE(seven, nullptr);
  EXPECT_EQ(*seven, 7);
  EXPECT_EQ(list.take(), nullptr);
}

TEST(FreeList, DestroysWhatItHasNoPlaceFor) {
  std::atomic<int> count{0};
  {
    FreeList<Counted> list;
    for (int i = 0; i < 300; ++i) list.put(std::make_unique<Counted>(count));
    EXPECT_EQ(count, 256);
  }
  EXPECT_EQ(count, 0);
}

TEST(FreeList, GivesAnObjectToOneThreadAtATime) {
  std::atomic<int> count{0};
  std::atomic<int> shared{0};
  {
    FreeList<Counted> list;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20'000; ++i) {
          std::unique_ptr<Counted> object = list.take();
          if (!object) object = std::make_unique<Counted>(count);
          if (++object->users != 1) ++shared;
          --object->users;
          list.put(std::move(object));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(count, 4);
  }
  EXPECT_EQ(shared, 0);
  EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace eenet
