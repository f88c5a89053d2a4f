#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace eenet {

/// While it lives, float32 numbers below 1.2e-38 count as zero on this thread, as operands and as
/// results: processors take them one by one in microcode, a hundred times slower than others.
/// Does nothing on processors that it does not know.
class FlushDenormals {
 public:
  FlushDenormals() noexcept : before_(read()) { write(before_ | kFlush); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
  ~FlushDenormals() { write(before_); }

 private:
#if defined(__SSE2__)
  using Word = unsigned int;
  static constexpr Word kFlush = 0x8040;  // MXCSR: flush to zero, denormals are zero.
  static Word read() noexcept { return _mm_getcsr(); }
  static void write(Word word) noexcept { _mm_setcsr(word); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  static constexpr Word kFlush = Word{1} << 24U;  // FPCR: FZ.
  static Word read() noexcept {
    Word word = 0;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) noexcept { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = unsigned int;
  static constexpr Word kFlush = 0;
  static Word read() noexcept { return 0; }
  static void write(Word) noexcept {}
#endif

  Word before_;
};

}  // namespace eenet
