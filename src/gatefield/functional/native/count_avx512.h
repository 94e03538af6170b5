// Counting bits with VPOPCNTD: 16 output pixels in a register, 32 channels in a word.
#pragma once

#include <immintrin.h>

#include "tile.h"

namespace {

using Word = uint32_t;
using Tile = TileOf<Word>;
constexpr int LANES = 16, VECTORS = 2, PIXELS = LANES * VECTORS;
constexpr i64 SCRATCH = 0;  // bytes that prepare writes for each byte of a tile

void prepare(const Tile&, char*) {}  // nothing beforehand

// M registers of pixels, N kernels at once. Pixels without a tap add nothing there.
template <int M, int N>
void count_some(const Tile& tile, const Word* kernels, int32_t* counts) {
  const i64 size = tile.taps * tile.words;
  __m512i sums[M][N];
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) sums[m][n] = _mm512_setzero_si512();
  const Word* bits = tile.bits;
  for (i64 tap = 0; tap < tile.taps; ++tap) {
    __mmask16 on[M];
    for (int m = 0; m < M; ++m) on[m] = __mmask16(tile.valid[tap] >> (LANES * m));
    for (i64 word = 0; word < tile.words; ++word, bits += PIXELS, ++kernels)
      for (int n = 0; n < N; ++n) {
        const __m512i w = _mm512_set1_epi32(int(kernels[n * size]));
        for (int m = 0; m < M; ++m) {
          const __m512i differ = _mm512_xor_si512(w, _mm512_load_si512(bits + LANES * m));
          sums[m][n] = _mm512_mask_add_epi32(sums[m][n], on[m], sums[m][n], _mm512_popcnt_epi32(differ));
        }
      }
  }
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) _mm512_store_si512(counts + n * PIXELS + LANES * m, sums[m][n]);
}

template <int M>
void count_all(const Tile& tile, const Word* kernels, i64 channels, int32_t* counts) {
  const i64 size = tile.taps * tile.words;
  i64 n = 0;
  for (; n + 4 <= channels; n += 4) count_some<M, 4>(tile, kernels + n * size, counts + n * PIXELS);
  for (; n < channels; ++n) count_some<M, 1>(tile, kernels + n * size, counts + n * PIXELS);
}

// counts (channels, PIXELS): how many bits of each kernel differ from what each pixel sees.
void count(const Tile& tile, const char*, const Word* kernels, i64 channels, int32_t* counts) {
  if (tile.count > LANES)
    count_all<2>(tile, kernels, channels, counts);
  else
    count_all<1>(tile, kernels, channels, counts);
}

}  // namespace
