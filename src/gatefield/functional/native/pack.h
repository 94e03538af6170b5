// Signs as bits: a word holds those of some channels of one pixel. Word is defined before.
#pragma once

#include <array>

#include "tile.h"

namespace {

constexpr int WORD_BITS = 8 * sizeof(Word);
constexpr i64 BLOCK = 64;  // pixels that are packed at a time

// The pixels of all images in order, as runs of equal steps: one if x is contiguous, one for each image or row if not.
struct Runs {
  std::array<i64, 3> sizes, strides;
  i64 length = 1, step = 1, count = 1;
  int outer = 0;  // the first of the three that is not within a run

  // sizes and strides of columns, rows, images
  Runs(std::array<i64, 3> sizes, std::array<i64, 3> strides) : sizes(sizes), strides(strides) {
    for (; outer < 3; ++outer) {
      if (sizes[outer] == 1) continue;
      if (length == 1) step = strides[outer];
      else if (strides[outer] != length * step) break;
      length *= sizes[outer];
    }
    for (int d = outer; d < 3; ++d) count *= sizes[d];
  }

  i64 offset(i64 run) const {
    i64 offset = 0;
    for (int d = outer; d < 3; run /= sizes[d++]) offset += run % sizes[d] * strides[d];
    return offset;
  }
};

// One word of some pixels, a bit for each channel: 1 for x >= 0. Answers whether there was a NaN.
template <class T>
bool pack(const T* x, i64 step, i64 channel_step, int channels, int pixels, Word* words) {
  uint32_t nan = 0;
  if (channel_step == 1 && channels == WORD_BITS) {
    for (int p = 0; p < pixels; ++p, x += step) {
      uint32_t word = 0;
      for (int c = 0; c < WORD_BITS; ++c) {
        word |= uint32_t(x[c] >= 0) << c;
        nan |= x[c] != x[c];
      }
      words[p] = Word(word);
    }
    return nan;
  }
  uint32_t bits[BLOCK] = {};
  for (int c = 0; c < channels; ++c, x += channel_step) {
    const uint32_t bit = 1u << c;
    if (step == 1)  // said apart, so that it becomes vectors
      for (int p = 0; p < pixels; ++p) {
        bits[p] |= x[p] >= 0 ? bit : 0;
        nan |= x[p] != x[p];
      }
    else
      for (int p = 0; p < pixels; ++p) {
        bits[p] |= x[p * step] >= 0 ? bit : 0;
        nan |= x[p * step] != x[p * step];
      }
  }
  for (int p = 0; p < pixels; ++p) words[p] = Word(bits[p]);
  return nan;
}

}  // namespace
