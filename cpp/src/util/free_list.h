#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace eenet {

/// Objects that wait for their next user. Thread-safe and lock-free: a place is taken and given
/// back with one exchange each.
template <typename T>
class FreeList {
 public:
  FreeList() = default;
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;
  ~FreeList() {
    while (take()) {
    }
  }

  /// @return Null if none waits.
  std::unique_ptr<T> take() noexcept {
    for (std::atomic<T*>& place : places_) {
      if (place.load(std::memory_order_relaxed) == nullptr) continue;
      if (T* const object = place.exchange(nullptr, std::memory_order_acquire)) {
        return std::unique_ptr<T>(object);
      }
    }
    return nullptr;
  }

  /// Keeps an object, or destroys it if there is no place left.
  void put(std::unique_ptr<T> object) noexcept {
    for (std::atomic<T*>& place : places_) {
      T* expected = nullptr;
      if (place.load(std::memory_order_relaxed) == nullptr &&
          place.compare_exchange_strong(expected, object.get(), std::memory_order_release,
                                        std::memory_order_relaxed)) {
        object.release();
        return;
      }
    }
  }

 private:
  // More callers at a time than there are cores only wait for each other.
  static constexpr std::size_t kPlaces = 256;

  std::array<std::atomic<T*>, kPlaces> places_{};
};

}  // namespace eenet
