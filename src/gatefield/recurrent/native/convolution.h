// Convolutions of one frame, (channels, *size) of up to three dimensions, that keep its size.
#pragma once
#include <vector>

#include "gemm.h"
#include "vector_math.h"

struct Frame {
  int64_t inputs, outputs, bias;  // channels; whether the weights end with a bias
  int64_t size[3], kernel[3], dilation[3];
};

// out (outputs x pixels) = weights (outputs x depth) @ neighbours (depth x pixels), depth being inputs * taps (+ bias): a
// product whose right side is never made. The frame is copied into one with a border of zeros, where a neighbour of a
// pixel is always as many places away.
template <class T>
class Convolution {
  using G = Gemm<T>;
  using i64 = int64_t;
  using Vec = typename G::Vector;
  Frame frame;
  i64 pixels = 1, taps = 1, depth;
  i64 around[3], inner = 0;       // size with its border; where the frame begins in it
  std::vector<i64> away;          // depth: where in the frame with border a neighbour of its first pixel lies
  std::vector<T> bordered, panel;

 public:
  static i64 packed_size(i64 outputs, i64 depth) { return (outputs + G::MAX_ROWS - 1) / G::MAX_ROWS * G::MAX_ROWS * depth; }

  Convolution(const Frame& f) : frame(f) {
    for (int k = 0; k < 3; k++) {
      pixels *= f.size[k];
      taps *= f.kernel[k];
      around[k] = f.size[k] + f.dilation[k] * (f.kernel[k] - 1);
      inner = inner * around[k] + f.dilation[k] * (f.kernel[k] / 2);
    }
    depth = f.inputs * taps + f.bias;
    for (i64 channel = 0; channel < f.inputs; channel++)
      for (i64 tap = 0; tap < taps; tap++) {
        i64 z = tap / (f.kernel[1] * f.kernel[2]), y = tap / f.kernel[2] % f.kernel[1], x = tap % f.kernel[2];
        away.push_back(((channel * around[0] + z * f.dilation[0]) * around[1] + y * f.dilation[1]) * around[2] +
                       x * f.dilation[2]);
      }
    bordered.resize(f.inputs * around[0] * around[1] * around[2] + G::LANES);
    panel.resize(std::min<i64>(G::DEPTH, depth) * G::PANEL);
  }

  // out = start + in convolved with the weights, which `pack_rows` has packed; start may be null: zeros
  __attribute__((noinline)) void run(const T* in, const T* weights, const T* start, T* out) {
    enter(in);
    for (i64 q = 0; q < pixels; q += G::PANEL) {
      bool plain = side_by_side(q) && side_by_side(q + G::LANES);
      for (i64 d = 0; d < depth; d += G::DEPTH) {
        i64 deep = std::min<i64>(G::DEPTH, depth - d);
        const T *from = d ? out + q : start ? start + q : nullptr, *w = weights + d * G::MAX_ROWS;
        if (plain)
          products_in_place(q, d, deep, w, from, out + q);
        else
          products_of_panel(q, d, deep, w, from, out + q);
      }
    }
  }

 private:
  // A panel of neighbours is gathered, and used for all outputs while it lies in the first-level cache.
  void products_of_panel(i64 q, i64 d, i64 deep, const T* w, const T* from, T* out) {
    for (i64 v = 0; v < G::VECTORS; v++) gather(q + v * G::LANES, d, deep, panel.data() + v * G::LANES);
    for (i64 k = 0; k < frame.outputs; k += G::MAX_ROWS)
      G::panel_product(std::min<i64>(G::MAX_ROWS, frame.outputs - k), std::min<i64>(G::PANEL, pixels - q), deep,
                       w + k * depth, 1, G::MAX_ROWS, panel.data(), panel.data() + deep * G::PANEL,
                       from ? from + k * pixels : nullptr, pixels, out + k * pixels, pixels);
  }

  // The same where the pixels of a vector are neighbours themselves: the panel can be read where it is.
  void products_in_place(i64 q, i64 d, i64 deep, const T* w, const T* from, T* out) const {
    const T *left = bordered.data() + place(q), *right = bordered.data() + place(q + G::LANES);
    i64 known = std::min(deep, frame.inputs * taps - d);
    for (i64 k = 0; k < frame.outputs; k += G::MAX_ROWS) {
      const T *a = w + k * depth, *s = from ? from + k * pixels : nullptr;
      T* c = out + k * pixels;
#define CASE(M) \
  case M: kernel<(M <= G::MAX_ROWS ? M : 1)>(known, deep, a, away.data() + d, left, right, s, c, pixels); break;
      switch (std::min<i64>(G::MAX_ROWS, frame.outputs - k)) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
      }
#undef CASE
    }
  }

  template <int M>
  static __attribute__((noinline)) void kernel(i64 known, i64 deep, const T* A, const i64* to, const T* left, const T* right,
                                               const T* start, T* C, i64 ldc) {
    Vec sum[M][2];
    for (int i = 0; i < M; i++) {
      sum[i][0] = start ? *(const Vec*)(start + i * ldc) : Vec{};
      sum[i][1] = start ? *(const Vec*)(start + i * ldc + G::LANES) : Vec{};
    }
    for (i64 p = 0; p < known; p++, A += G::MAX_ROWS) {
      Vec b0 = *(const Vec*)(left + to[p]), b1 = *(const Vec*)(right + to[p]);
#pragma GCC unroll 8
      for (int i = 0; i < M; i++) {
        sum[i][0] += A[i] * b0;
        sum[i][1] += A[i] * b1;
      }
    }
    for (int i = 0; i < M; i++) {
      T bias = known < deep ? A[i] : 0;
      *(Vec*)(C + i * ldc) = sum[i][0] + bias;
      *(Vec*)(C + i * ldc + G::LANES) = sum[i][1] + bias;
    }
  }

  // Whether a vector of pixels from this one on lies in one line of the frame.
  bool side_by_side(i64 pixel) const { return pixel < pixels && pixel % frame.size[2] + G::LANES <= frame.size[2]; }

  i64 place(i64 pixel) const {  // of the first neighbour, in the frame with border
    i64 row = pixel / frame.size[2];
    return (row / frame.size[1] * around[1] + row % frame.size[1]) * around[2] + pixel % frame.size[2];
  }

  void enter(const T* __restrict in) {
    T* to = bordered.data() + inner;
    i64 line = around[2], plane = around[1] * line, length = frame.size[2];
    for (i64 channel = 0; channel < frame.inputs; channel++, to += around[0] * plane)
      for (i64 z = 0; z < frame.size[0]; z++)
        for (i64 y = 0; y < frame.size[1]; y++, in += length) {
          T* __restrict at = to + z * plane + y * line;
          for (i64 x = 0; x < length; x++) at[x] = in[x];
        }
  }

  // The neighbours from number d on of as many pixels as a vector has lanes: a column of the panel.
  void gather(i64 pixel, i64 d, i64 deep, T* column) const {
    i64 known = std::min(deep, frame.inputs * taps - d);
    if (side_by_side(pixel)) {
      const T* base = bordered.data() + place(pixel);
      const i64* to = away.data() + d;
#pragma GCC unroll 4
      for (i64 k = 0; k < known; k++) *(Vec*)(column + k * G::PANEL) = *(const Vec*)(base + to[k]);
    } else {
      int32_t places[G::LANES];
      for (i64 j = 0; j < G::LANES; j++) places[j] = pixel + j < pixels ? place(pixel + j) : 0;
      for (i64 k = 0; k < known; k++) {
        const T* base = bordered.data() + away[d + k];
        T* to = column + k * G::PANEL;
        for (i64 j = 0; j < G::LANES; j++) to[j] = base[places[j]];
      }
    }
    if (known < deep)
      for (i64 j = 0; j < G::LANES; j++) column[known * G::PANEL + j] = 1;
  }
};
