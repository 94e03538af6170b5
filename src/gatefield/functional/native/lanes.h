// Numbers side by side in vectors of one width, and how they come from memory and go back.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "interface.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // wide vectors stay within this file: how they are handed over is no matter
#endif

namespace {

enum NumberKind { FLOAT32, FLOAT64, BFLOAT16 };

#define INLINE __attribute__((always_inline)) inline
#define INLINE_LAMBDA __attribute__((always_inline))

using Bfloat16 = uint16_t;  // the upper half of a float32, which is what is compared

// T: what numbers are stored as. Taps: whole numbers as wide, for what belongs to each.
template <class T>
struct Lanes {
  static constexpr bool HALF = std::is_same<T, Bfloat16>::value;
  using Number = std::conditional_t<HALF, float, T>;
  using Tap = std::conditional_t<sizeof(Number) == 8, int64_t, int32_t>;
  static constexpr int COUNT = 16;
  typedef Number Numbers __attribute__((vector_size(COUNT * sizeof(Number))));
  typedef Tap Taps __attribute__((vector_size(COUNT * sizeof(Tap))));
  typedef T Stored __attribute__((vector_size(COUNT * sizeof(T))));
  typedef uint8_t Bytes __attribute__((vector_size(COUNT)));

  INLINE static Numbers load(const T* x, i64 count) {
    Stored stored = {};
    memcpy(&stored, x, count * sizeof(T));
    if constexpr (HALF)
      return (Numbers)(__builtin_convertvector(stored, Taps) << 16);
    else
      return stored;
  }

  // Where T is narrower, numbers that it holds exactly.
  INLINE static void store(Numbers numbers, T* y, i64 count) {
    Stored stored;
    if constexpr (HALF)
      stored = __builtin_convertvector((Taps)numbers >> 16, Stored);
    else
      stored = numbers;
    memcpy(y, &stored, count * sizeof(T));
  }

  // The nearest numbers that T holds, ties to even; NaN stays NaN.
  INLINE static void store_nearest(Numbers numbers, T* y, i64 count) {
    if constexpr (HALF) {
      const Taps bits = (Taps)numbers;
      const Taps nearest = bits + 0x7FFF + ((bits >> 16) & 1);
      numbers = (Numbers)(numbers != numbers ? Taps{} + 0x7FC00000 : nearest);
    }
    store(numbers, y, count);
  }
};

}  // namespace
