// Counting bits with a table: 32 output pixels in a register, four channels in each of its bytes.
#pragma once

#include <immintrin.h>

#include "tile.h"

namespace {

using Word = uint8_t;
using Tile = TileOf<Word>;
constexpr int LANES = 32, VECTORS = 2, PIXELS = LANES * VECTORS;
constexpr i64 SCRATCH = 2;  // bytes that prepare writes for each byte of a tile

// Row w, place a: how many bits differ between w and a.
struct alignas(64) Table {
  uint8_t differ[16][16];
  constexpr Table() : differ() {
    for (int w = 0; w < 16; ++w)
      for (int a = 0; a < 16; ++a)
        for (int bit = 0; bit < 4; ++bit) differ[w][a] += ((w ^ a) >> bit) & 1;
  }
};
constexpr Table TABLE;

// Both halves of each byte; pixels without the tap get a high bit, at which the table answers 0.
void prepare(const Tile& tile, char* halves) {
  const Word* bits = tile.bits;
  for (i64 tap = 0; tap < tile.taps; ++tap) {
    uint8_t invalid[PIXELS];
    for (int p = 0; p < PIXELS; ++p) invalid[p] = (tile.valid[tap] >> p & 1) ? 0 : 0x80;
    for (i64 word = 0; word < tile.words; ++word, bits += PIXELS, halves += 2 * PIXELS)
      for (int p = 0; p < PIXELS; ++p) {
        halves[p] = char((bits[p] & 15) | invalid[p]);
        halves[p + PIXELS] = char((bits[p] >> 4) | invalid[p]);
      }
  }
}

// N kernels at once, from word `begin` to `end`.
template <int N>
void count_some(const char* halves, const Word* kernels, i64 size, i64 begin, i64 end, int32_t* counts) {
  __m256i sums[VECTORS][N];
  for (int m = 0; m < VECTORS; ++m)
    for (int n = 0; n < N; ++n) sums[m][n] = _mm256_setzero_si256();
  for (i64 word = begin; word < end; ++word)
    for (int half = 0; half < 2; ++half) {
      __m256i a[VECTORS];
      for (int m = 0; m < VECTORS; ++m)
        a[m] = _mm256_load_si256((const __m256i*)(halves + (2 * word + half) * PIXELS + LANES * m));
      for (int n = 0; n < N; ++n) {
        const unsigned w = kernels[n * size + word];
        const uint8_t* row = TABLE.differ[0] + (half ? w & 0xf0 : (w & 15) << 4);
        const __m256i differ = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i*)row));
        for (int m = 0; m < VECTORS; ++m) sums[m][n] = _mm256_add_epi8(sums[m][n], _mm256_shuffle_epi8(differ, a[m]));
      }
    }
  for (int n = 0; n < N; ++n) {
    alignas(32) uint8_t bytes[PIXELS];
    for (int m = 0; m < VECTORS; ++m) _mm256_store_si256((__m256i*)(bytes + LANES * m), sums[m][n]);
    for (int p = 0; p < PIXELS; ++p) counts[n * PIXELS + p] += bytes[p];
  }
}

// counts (channels, PIXELS): how many bits of each kernel differ from what each pixel sees.
void count(const Tile& tile, const char* halves, const Word* kernels, i64 channels, int32_t* counts) {
  const i64 size = tile.taps * tile.words, most = 31;  // bytes until a sum could exceed 255
  std::memset(counts, 0, channels * PIXELS * sizeof(int32_t));
  for (i64 begin = 0; begin < size; begin += most) {
    const i64 end = std::min(size, begin + most);
    i64 n = 0;
    for (; n + 4 <= channels; n += 4)
      count_some<4>(halves, kernels + n * size, size, begin, end, counts + n * PIXELS);
    for (; n < channels; ++n) count_some<1>(halves, kernels + n * size, size, begin, end, counts + n * PIXELS);
  }
}

}  // namespace
