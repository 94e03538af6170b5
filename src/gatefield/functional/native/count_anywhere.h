// Counting bits in plain C++, in loops that a compiler turns into whatever vectors there are.
#pragma once

#include "tile.h"

namespace {

using Word = uint32_t;
using Tile = TileOf<Word>;
constexpr int PIXELS = 64;
constexpr i64 SCRATCH = 0;  // bytes that prepare writes for each byte of a tile

void prepare(const Tile&, char*) {}  // nothing beforehand

// counts (channels, PIXELS): how many bits of each kernel differ from what each pixel sees.
void count(const Tile& tile, const char*, const Word* kernels, i64 channels, int32_t* counts) {
  for (i64 n = 0; n < channels; ++n, counts += PIXELS) {
    const Word* bits = tile.bits;
    std::memset(counts, 0, PIXELS * sizeof(int32_t));
    for (i64 tap = 0; tap < tile.taps; ++tap) {
      uint32_t valid[PIXELS];
      for (int p = 0; p < PIXELS; ++p) valid[p] = -(uint32_t)(tile.valid[tap] >> p & 1);
      for (i64 word = 0; word < tile.words;) {
        uint32_t bytes[PIXELS] = {};
        for (const i64 end = std::min(tile.words, word + 31); word < end; ++word, bits += PIXELS, ++kernels)
          for (int p = 0; p < PIXELS; ++p) {
            uint32_t v = bits[p] ^ *kernels;
            v -= v >> 1 & 0x55555555;
            v = (v & 0x33333333) + (v >> 2 & 0x33333333);
            bytes[p] += (v + (v >> 4)) & 0x0f0f0f0f;
          }
        for (int p = 0; p < PIXELS; ++p) {
          const uint32_t halves = (bytes[p] & 0x00ff00ff) + (bytes[p] >> 8 & 0x00ff00ff);
          counts[p] += int32_t(((halves & 0xffff) + (halves >> 16)) & valid[p]);
        }
      }
    }
  }
}

}  // namespace
