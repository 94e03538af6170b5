// Some output pixels side by side, and what each of them sees.
#pragma once

#include <algorithm>
#include <cstring>

#include "interface.h"

namespace {

struct alignas(64) Line {
  char bytes[64];
};

inline i64 divide_up(i64 a, i64 b) { return (a + b - 1) / b; }
inline i64 lines(i64 bytes) { return divide_up(bytes, sizeof(Line)); }

template <class Word>
struct TileOf {
  i64 taps, words;              // of one kernel: a word holds bits of some channels at one tap
  Word* bits;                   // (taps, words, pixels)
  std::vector<uint64_t> valid;  // (taps), a bit for each pixel: 1 where the tap lies on the image, 0 on the padding
  i64 count = 0;                // pixels in use; beyond them no tap is valid
};

}  // namespace
