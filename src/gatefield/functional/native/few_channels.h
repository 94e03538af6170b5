// Convolutions of pictures with few channels, channels last, stride 1: y(i, j) = b + sum over taps x(i + k, j + l) w(k, l).
//
// Where channels fill no vector, what fills one are the outputs of a cell (forward, and in the gradient of the weights),
// or a row of taps with all their channels, which lie side by side (in the gradient of the input). A picture is copied
// with its padding first, in float32, so that every tap is at a fixed distance from the first one of its window.
#pragma once

#include "lanes.h"

namespace {

// What Python fills in. Pictures are (images, height, width, channels), contiguous, of one type; all else is float32.
struct FewChannels {
  void *x, *y;             // the input and the output; backward their gradients, of which x's may be null
  const void* given;       // backward: the input, or null if nobody asks for the gradient of the weights
  const float *weight;     // forward (taps, vectors of outputs), backward (outputs, rows of taps, vectors), of 16 numbers
  const float* bias;       // (vectors of outputs,) or null
  float* weight_gradient;  // (threads, taps and one for the bias, vectors of outputs), zeros
  i64 kind, images, height, width, channels, outputs;
  i64 kernel[2], padding[2];
  i64 threads;
};

template <class T>
struct FewChannelConvolution {
  using L = Lanes<T>;
  using F = Lanes<float>;
  using Numbers = F::Numbers;
  static constexpr i64 LANES = F::COUNT;
  const FewChannels q;
  const i64 line = q.width * q.channels;
  const i64 row = (q.width + 2 * q.padding[1]) * q.channels;  // of a padded picture
  const i64 out_height = q.height + 2 * q.padding[0] - q.kernel[0] + 1;
  const i64 out_width = q.width + 2 * q.padding[1] - q.kernel[1] + 1;
  const i64 taps = q.kernel[0] * q.kernel[1] * q.channels;
  const i64 padded = (q.height + 2 * q.padding[0]) * row + 2 * LANES;  // numbers of a padded picture, and room behind it
  std::vector<i64> offsets{};  // of the taps from the first one

  explicit FewChannelConvolution(const FewChannels& given) : q(given) {
    for (i64 k = 0; k < q.kernel[0]; ++k)
      for (i64 p = 0; p < q.kernel[1] * q.channels; ++p) offsets.push_back(k * row + p);
  }

  T* inside(void* pictures, i64 image, i64 i) const { return (T*)pictures + (image * q.height + i) * line; }
  T* outside(void* pictures, i64 image) const { return (T*)pictures + image * out_height * out_width * q.outputs; }

  // A run of numbers as vectors: visit(place, how many).
  template <class Visit>
  static void vectors(i64 count, const Visit& visit) {
    i64 c = 0;
    for (; c + LANES <= count; c += LANES) visit(c, LANES);
    if (c < count) visit(c, count - c);
  }

  void pad(const void* pictures, i64 image, float* to) const {
    for (i64 i = 0; i < q.height; ++i) {
      const T* from = inside((void*)pictures, image, i);
      float* into = to + (i + q.padding[0]) * row + q.padding[1] * q.channels;
      vectors(line, [&](i64 c, i64 count) { F::store(L::load(from + c, count), into + c, count); });
    }
  }

  void crop(const float* from, i64 image) const {
    for (i64 i = 0; i < q.height; ++i) {
      const float* out_of = from + (i + q.padding[0]) * row + q.padding[1] * q.channels;
      T* to = inside(q.x, image, i);
      vectors(line, [&](i64 c, i64 count) { L::store_nearest(F::load(out_of + c, count), to + c, count); });
    }
  }

  // Calls visit(channels), with a constant where their number is a usual one: distances between cells are then known.
  template <class Visit>
  void with_channels(const Visit& visit) const {
    switch (q.channels) {
      case 1: return visit(std::integral_constant<i64, 1>());
      case 3: return visit(std::integral_constant<i64, 3>());
      case 6: return visit(std::integral_constant<i64, 6>());
      default: return visit(q.channels);
    }
  }

  // R cells side by side, V vectors of outputs. What is stored beyond a cell's last output belongs to the next cell, which
  // comes later; `end` is where no cell comes.
  template <int R, int V, class Channels>
  void cells(const float* x, T* y, const T* end, Channels channels) const {
    Numbers sum[R][V];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sum[r][v] = q.bias ? F::load(q.bias + v * LANES, LANES) : Numbers{};
    const i64 count = taps;
    const i64* const offset = offsets.data();
    const float* weight = q.weight;
    for (i64 t = 0; t < count; ++t, weight += V * LANES) {
      const float* at = x + offset[t];
      Numbers w[V];
      for (int v = 0; v < V; ++v) w[v] = F::load(weight + v * LANES, LANES);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sum[r][v] += at[r * channels] * w[v];
    }
    for (int r = 0; r < R; ++r, y += q.outputs)
      for (int v = 0; v < V; ++v)
        if (y + (v + 1) * LANES <= end)
          L::store_nearest(sum[r][v], y + v * LANES, LANES);
        else
          L::store_nearest(sum[r][v], y + v * LANES, std::min(LANES, q.outputs - v * LANES));
  }

  template <int V, class Channels>
  void forward(i64 image, const float* x, Channels channels) const {
    constexpr int WIDE = V == 1 ? 14 : 8, MIDDLE = V == 1 ? 10 : 6;
    T* y = outside(q.y, image);
    const T* end = outside(q.y, image + 1);
    for (i64 i = 0; i < out_height; ++i) {
      i64 j = 0;
      auto take = [&](auto cells_at_once) {
        constexpr int R = decltype(cells_at_once)::value;
        for (; j + R <= out_width; j += R, y += R * q.outputs)
          cells<R, V>(x + i * row + j * channels, y, end, channels);
      };
      take(std::integral_constant<int, WIDE>());
      take(std::integral_constant<int, MIDDLE>());
      take(std::integral_constant<int, 4>());
      take(std::integral_constant<int, 1>());
    }
  }

  // dW(t) += sum over cells of x(cell + t) g(cell), for R rows of N taps that lie side by side. Lanes beyond the last output
  // hold no weight.
  template <int R, int N, int V>
  void weights(i64 image, const float* x, i64 k, i64 p, float* gradient) const {
    Numbers sum[R][N][V];
    const i64 run = q.kernel[1] * q.channels;
    auto each = [&](const auto& visit) {
      for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n)
          for (int v = 0; v < V; ++v) visit(sum[r][n][v], gradient + (((k + r) * run + p + n) * V + v) * LANES);
    };
    each([](Numbers& total, const float* at) { total = F::load(at, LANES); });
    const float* at[R];
    for (int r = 0; r < R; ++r) at[r] = x + (k + r) * row + p;
    const T* g = outside(q.y, image);
    const T* const end = outside(q.y, q.images);
    const i64 channels = q.channels, outputs = q.outputs, width = out_width;
    for (i64 i = 0; i < out_height; ++i)
      for (i64 cell = i * row, j = 0; j < width; ++j, cell += channels, g += outputs) {
        Numbers slope[V];
        for (int v = 0; v < V; ++v)
          slope[v] = g + (v + 1) * LANES <= end ? L::load(g + v * LANES, LANES) : L::load(g + v * LANES, std::max<i64>(0, end - g - v * LANES));
        for (int r = 0; r < R; ++r) {
          const float* from = at[r] + cell;
#pragma GCC unroll 16
          for (int n = 0; n < N; ++n)
            for (int v = 0; v < V; ++v) sum[r][n][v] += from[n] * slope[v];
        }
      }
    each([](const Numbers& total, float* at) { F::store(total, at, LANES); });
  }

  template <int R, int V>
  void weights_of_rows(i64 image, const float* x, i64 k, float* gradient) const {
    const i64 run = q.kernel[1] * q.channels;
    i64 p = 0;
    auto take = [&](auto side_by_side) {
      constexpr int N = decltype(side_by_side)::value;
      for (; p + N <= run; p += N) weights<R, N, V>(image, x, k, p, gradient);
    };
    if constexpr (R == 1) {
      if constexpr (V == 1) take(std::integral_constant<int, 15>());
      take(std::integral_constant<int, 9>());
    }
    take(std::integral_constant<int, 5>());
    take(std::integral_constant<int, 3>());
    take(std::integral_constant<int, 1>());
  }

  // Where a row of taps is short, several are summed at once: sums that do not wait for each other.
  template <int V>
  void weights(i64 image, const float* x, float* gradient) const {
    const bool together = V == 1 && q.kernel[1] * q.channels <= 5;
    i64 k = 0;
    for (; together && k + 3 <= q.kernel[0]; k += 3) weights_of_rows<3, V>(image, x, k, gradient);
    for (; together && k + 2 <= q.kernel[0]; k += 2) weights_of_rows<2, V>(image, x, k, gradient);
    for (; k < q.kernel[0]; ++k) weights_of_rows<1, V>(image, x, k, gradient);
    float* bias = gradient + taps * V * LANES;
    const T* g = outside(q.y, image);
    const T* const end = outside(q.y, q.images);
    Numbers sum[V];
    for (int v = 0; v < V; ++v) sum[v] = F::load(bias + v * LANES, LANES);
    for (i64 cell = 0; cell < out_height * out_width; ++cell, g += q.outputs)
      for (int v = 0; v < V; ++v)
        sum[v] += g + (v + 1) * LANES <= end ? L::load(g + v * LANES, LANES) : L::load(g + v * LANES, std::max<i64>(0, end - g - v * LANES));
    for (int v = 0; v < V; ++v) F::store(sum[v], bias + v * LANES, LANES);
  }

  // dx(cell + t) += sum over outputs of g(cell, o) w(t, o): K rows of taps, U vectors each. Behind a row's last tap zeros are
  // added to what comes next: a gradient that is infinite or no number reaches a few cells more than its window.
  template <int K, int U>
  void inputs(i64 image, float* x) const {
    const T* g = outside(q.y, image);
    const i64 outputs = q.outputs;
    for (i64 i = 0; i < out_height; ++i)
      for (i64 j = 0; j < out_width; ++j, g += outputs) {
        Numbers sum[K][U] = {};
        const float* weight = q.weight;
        for (i64 o = 0; o < outputs; ++o, weight += K * U * LANES) {
          const float slope = number(g[o]);
#pragma GCC unroll 16
          for (int k = 0; k < K; ++k)
            for (int u = 0; u < U; ++u) sum[k][u] += slope * F::load(weight + (k * U + u) * LANES, LANES);
        }
        float* to = x + i * row + j * q.channels;
        for (int k = 0; k < K; ++k)
          for (int u = 0; u < U; ++u) {
            float* at = to + k * row + u * LANES;
            F::store(F::load(at, LANES) + sum[k][u], at, LANES);
          }
      }
  }

  static float number(T stored) {
    if constexpr (L::HALF) {
      const uint32_t bits = uint32_t(stored) << 16;
      float wide;
      memcpy(&wide, &bits, sizeof(wide));
      return wide;
    } else {
      return stored;
    }
  }

  template <int K>
  void inputs_of(i64 image, float* x) const {
    q.kernel[1] * q.channels <= LANES ? inputs<K, 1>(image, x) : inputs<K, 2>(image, x);
  }

  void forward() const {
    std::vector<float> rooms(q.threads * padded);
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 image = 0; image < q.images; ++image) {
      float* x = rooms.data() + omp_get_thread_num() * padded;
      pad(q.x, image, x);
      with_channels([&](auto channels) {
        q.outputs <= LANES ? forward<1>(image, x, channels) : forward<2>(image, x, channels);
      });
    }
  }

  void backward() const {
    std::vector<float> rooms(q.threads * padded), gradients(q.threads * padded);
    const i64 size = (taps + 1) * (q.outputs <= LANES ? 1 : 2) * LANES;
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 image = 0; image < q.images; ++image) {
      const i64 thread = omp_get_thread_num();
      if (q.given) {
        float *given = rooms.data() + thread * padded, *gradient = q.weight_gradient + thread * size;
        pad(q.given, image, given);
        q.outputs <= LANES ? weights<1>(image, given, gradient) : weights<2>(image, given, gradient);
      }
      if (q.x) {
        float* x = gradients.data() + thread * padded;
        std::fill(x, x + padded, 0.0f);
        q.kernel[0] == 3 ? inputs_of<3>(image, x) : inputs_of<5>(image, x);
        crop(x, image);
      }
    }
  }
};

}  // namespace

EXPORT int gatefield_few_channels(const FewChannels* q, int backward) {
  try {
    auto run = [&](auto convolution) { backward ? convolution.backward() : convolution.forward(); };
    if (q->kind == FLOAT32)
      run(FewChannelConvolution<float>{*q});
    else
      run(FewChannelConvolution<Bfloat16>{*q});
    return DONE;
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  }
}
