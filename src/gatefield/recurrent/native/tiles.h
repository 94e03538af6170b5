// Products of bfloat16 by the tile instructions (AMX): eight registers of 16 rows of 64 bytes, and one instruction that
// adds to 16 x 16 sums the products of 16 x 32 and 32 x 16 factors, sixteen times as fast as FMA. Its sums are float32;
// numbers below 2^-126 are zeros to it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "bfloat16.h"

#if VECTOR_BYTES == 64 && defined(__x86_64__) && defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define GATEFIELD_TILES 1
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define GATEFIELD_TILES 0
#endif

namespace tiles {

constexpr int ROWS = 16, DEPTH = 32;  // of a tile of factors; the sums of two tiles lie side by side in a panel

#if GATEFIELD_TILES

#define WITH_TILES __attribute__((target("amx-tile,amx-bf16")))

// The compiler does not know what tile instructions read: whatever was stored must be in memory before them.
inline void written(const void* at) { __asm__ volatile("" ::"r"(at) : "memory"); }

// Whether the processor has the instructions, and the system lets this process use them: it must be asked.
inline bool available() {
  static const bool found = [] {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    constexpr unsigned STATE = 3 << 17;  // the tiles and their configuration, in what the system saves
    constexpr long REQUEST = 0x1023, TILE_DATA = 18;
    return (low & STATE) == STATE && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
  }();
  return found;
}

// While one of these lives, its thread's tiles are laid out.
struct Layout {
  WITH_TILES Layout() {
    if (!available()) return;
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } layout;
    written(&layout);
    _tile_loadconfig(&layout);
  }
  WITH_TILES ~Layout() {
    if (available()) _tile_release();
  }
  Layout(const Layout&) = delete;
};

// C (up to 32 rows x 32) = start + A @ panel, for factors whose depth is a multiple of 32. BELOW: there are more than 16
// rows. All 16 or 32 rows of A, C and start are in memory; start may be null (zeros).
template <bool BELOW>
WITH_TILES __attribute__((noinline)) inline void block(int64_t depth, const uint16_t* A, int64_t lda, const Pair* panel,
                                                      const float* start, int64_t ld_start, float* C, int64_t ldc) {
  written(A), written(start);
  const float* start_below = start + 16 * ld_start;
  if (start) {
    _tile_loadd(0, start, ld_start * 4);
    _tile_loadd(1, start + 16, ld_start * 4);
    if (BELOW) {
      _tile_loadd(2, start_below, ld_start * 4);
      _tile_loadd(3, start_below + 16, ld_start * 4);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if (BELOW) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  for (int64_t p = 0; p < depth; p += DEPTH) {
    const Pair* factors = panel + p / 2 * 32;
    _tile_loadd(6, factors, 128);
    _tile_loadd(7, factors + 16, 128);
    _tile_loadd(4, A + p, lda * 2);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (BELOW) {
      _tile_loadd(5, A + 16 * lda + p, lda * 2);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, C, ldc * 4);
  _tile_stored(1, C + 16, ldc * 4);
  if (BELOW) {
    _tile_stored(2, C + 16 * ldc, ldc * 4);
    _tile_stored(3, C + 16 * ldc + 16, ldc * 4);
  }
}

#else

inline bool available() { return false; }
struct Layout {};
template <bool BELOW>
void block(int64_t, const uint16_t*, int64_t, const Pair*, const float*, int64_t, float*, int64_t) {}

#endif

// One panel's `width` columns, at most 32, of C (m x width) = start + A (m x depth) @ panel; start may be null (zeros), C
// itself, or one row for all (ld 0). Behind A's rows there is memory for 15 more.
inline void panel_product(int64_t m, int64_t width, int64_t depth, const uint16_t* A, int64_t lda, const Pair* panel,
                          const float* start, int64_t ld_start, float* C, int64_t ldc) {
  for (int64_t i = 0; i < m; i += 2 * ROWS) {
    int64_t rows = std::min<int64_t>(2 * ROWS, m - i);
    auto multiply = rows > ROWS ? block<true> : block<false>;
    const uint16_t* a = A + i * lda;
    const float* s = start ? start + i * ld_start : nullptr;
    float* c = C + i * ldc;
    if (width == 32 && rows % ROWS == 0) {
      multiply(depth, a, lda, panel, s, ld_start, c, ldc);
      continue;
    }
    alignas(64) float sums[2 * ROWS * 32];
    if (s)
      for (int64_t r = 0; r < rows; r++) memcpy(sums + r * 32, s + r * ld_start, width * 4);
    multiply(depth, a, lda, panel, s ? sums : nullptr, 32, sums, 32);
    for (int64_t r = 0; r < rows; r++) memcpy(c + r * ldc, sums + r * 32, width * 4);
  }
}

// A row of numbers as factors, zeros behind it up to `whole` of them.
inline void round_row(const float* x, int64_t depth, int64_t whole, uint16_t* out) {
  for (int64_t p = 0; p < depth; p++) out[p] = (uint16_t)rounded_bits(x[p]);
  std::fill(out + depth, out + whole, 0);
}

}  // namespace tiles
