// Matrix products by a register-blocked kernel on packed weights.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include "bfloat16.h"
#include "tiles.h"

// T: the numbers. F: what weights are kept as: numbers of the same kind or, rounded, pairs of two along the depth. Rows
// are then rounded too, and what is called a depth is whole: zeros stand behind the last number up to an even one, or to
// what tiles hold.
template <class T, class F = T>
struct Gemm {
  using i64 = int64_t;
  static constexpr bool ROUNDS = !std::is_same<T, F>::value;
  static constexpr int PER = ROUNDS ? 2 : 1;       // numbers in an F
  static constexpr int LANES = VECTOR_BYTES / sizeof(T);
  static constexpr int VECTORS = 2;                // the kernel's tile is MAX_ROWS x PANEL values of the result
  static constexpr int PANEL = VECTORS * LANES;
#if VECTOR_BYTES == 64 || defined(__aarch64__)
  static constexpr int MAX_ROWS = 8;  // 32 registers would hold 14, but rows 8 kB apart share one set of an 8-way cache
#else
  static constexpr int MAX_ROWS = 6;  // what 16 registers hold
#endif
  static constexpr int DEPTH = 256 * PER;          // of a panel that stays in the first-level cache
  typedef T Vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

  typedef F Factors __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(F)), may_alias));

  using Layout = std::conditional_t<ROUNDS, tiles::Layout, char>;
  static constexpr int WHOLE = ROUNDS && GATEFIELD_TILES ? tiles::DEPTH : PER;
  static i64 whole(i64 depth) { return (depth + WHOLE - 1) / WHOLE * WHOLE; }

  static i64 packed_size(i64 depth, i64 columns) { return (columns + PANEL - 1) / PANEL * PANEL * whole(depth) / PER; }

  static T number(T x) {
    if constexpr (ROUNDS) return rounded(x);
    else return x;
  }

  // Row r of `rows` = x, rounded where factors are.
  static void gather(const T* x, i64 depth, T* rows, i64 r, [[maybe_unused]] bool tiled) {
    if constexpr (ROUNDS)
      if (tiled) return tiles::round_row(x, depth, whole(depth), (uint16_t*)rows + r * whole(depth));
    T* out = rows + r * whole(depth);
    for (i64 p = 0; p < depth; p++) out[p] = number(x[p]);
    std::fill(out + depth, out + whole(depth), T(0));
  }

  // The factor that begins at a number; the next number along the depth is a stride away, if there is one.
  static F factor(const T* at, i64 stride, bool next) {
    if constexpr (ROUNDS)
      return rounded_bits(at[0]) | (next ? rounded_bits(at[stride]) << 16 : 0);
    else
      return at[0];
  }

#if defined(__clang__) || __GNUC__ >= 12
  // Exchange every other S lanes of two vectors, so that S x S blocks off the diagonal change places.
  template <int S, int... L>
  static void exchange(Factors& a, Factors& b, std::integer_sequence<int, L...>) {
    Factors above = __builtin_shufflevector(a, b, (L & S ? LANES + L - S : L)...);
    b = __builtin_shufflevector(a, b, (L & S ? LANES + L : L + S)...);
    a = above;
  }

  template <int S>
  GATEFIELD_INLINE void exchange_blocks(Factors* v) {
#pragma GCC unroll 16
    for (int r = 0; r < LANES; r++)
      if (!(r & S)) exchange<S>(v[r], v[r + S], std::make_integer_sequence<int, LANES>{});
    if constexpr (S > 1) exchange_blocks<S / 2>(v);
  }

  // LANES columns of LANES factors each, which follow one another in memory, become rows of a panel.
  static void transpose(const T* source, i64 column, F* out) {
    Factors v[LANES];
#pragma GCC unroll 16
    for (int j = 0; j < LANES; j++) {
      if constexpr (ROUNDS)
        for (int i = 0; i < LANES; i++) ((F*)(v + j))[i] = factor(source + j * column + i * PER, 1, true);
      else
        v[j] = *(const Factors*)(source + j * column);
    }
    exchange_blocks<LANES / 2>(v);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) *(Factors*)(out + i * PANEL) = v[i];
  }

  // LANES rows of numbers that are columns in memory, LANES pairs deep, become rows of factors.
  static void round_columns(const T* A, i64 ca, uint16_t* out, i64 row) {
    Factors v[LANES];
#pragma GCC unroll 16
    for (int p = 0; p < LANES; p++)
      for (int r = 0; r < LANES; r++) ((F*)(v + p))[r] = factor(A + r + p * PER * ca, ca, true);
    exchange_blocks<LANES / 2>(v);
#pragma GCC unroll 16
    for (int r = 0; r < LANES; r++) *(Factors*)(out + r * row) = v[r];
  }
  static constexpr bool TRANSPOSES = true;
#else
  static void transpose(const T*, i64, F*) {}
  static void round_columns(const T*, i64, uint16_t*, i64) {}
  static constexpr bool TRANSPOSES = false;
#endif

  // W (depth x columns, any strides) -> panels of PANEL columns, each depth / PER x PANEL, padded with zeros.
  static void pack(const T* W, i64 depth, i64 columns, i64 row, i64 column, F* out) {
    i64 known = (depth + PER - 1) / PER, height = whole(depth) / PER;
    for (i64 p = 0; p < columns; p += PANEL, out += height * PANEL) {
      i64 width = std::min<i64>(PANEL, columns - p);
      const T* source = W + p * column;
      std::fill(out + (width < PANEL ? 0 : known * PANEL), out + height * PANEL, F(0));
      if (column == 1) {
        for (i64 i = 0; i < known; i++)
          for (i64 j = 0; j < width; j++)
            out[i * PANEL + j] = factor(source + i * PER * row + j, row, i * PER + 1 < depth);
        continue;
      }
      bool blocks = TRANSPOSES && row == 1;
      i64 high = blocks ? depth / PER / LANES * LANES : 0, wide = blocks ? width / LANES * LANES : 0;
      for (i64 j = 0; j < wide; j += LANES)
        for (i64 i = 0; i < high; i += LANES) transpose(source + i * PER + j * column, column, out + i * PANEL + j);
      for (i64 block = 0; block < known; block += 16)
        for (i64 j = 0; j < width; j++)
          for (i64 i = j < wide ? std::max(high, block) : block; i < std::min<i64>(known, block + 16); i++)
            out[i * PANEL + j] = factor(source + i * PER * row + j * column, row, i * PER + 1 < depth);
    }
  }

  // Row p of a panel.
  GATEFIELD_INLINE Vector weights(const F* panel, i64 p, int v) {
    if constexpr (ROUNDS) {
      Factors pairs = ((const Factors*)(panel + p / 2 * PANEL))[v];
      return (Vector)(p % 2 ? pairs & 0xFFFF0000 : pairs << 16);
    } else {
      return ((const Vector*)(panel + p * PANEL))[v];
    }
  }

  // C (M x PANEL) = start + A (M x depth) @ panel; start may be null (zeros), C itself, or one row for all (ld 0).
  // Meanwhile `step` numbers for every one of the depth are fetched from `next`, where the next panel lies: weights that do
  // not fit the second-level cache would otherwise be waited for.
  template <int M>
  static __attribute__((noinline)) void kernel(i64 depth, const T* A, i64 lda, i64 ca, const F* panel, const T* start,
                                               i64 ld_start, T* C, i64 ldc, const F* next, i64 step) {
    constexpr int CHAINS = M == 1 ? 4 : M <= 3 ? 2 : 1;  // independent sums that hide the latency of few rows
    Vector sum[CHAINS][M][VECTORS];
    for (int u = 0; u < CHAINS; u++)
      for (int i = 0; i < M; i++)
        for (int v = 0; v < VECTORS; v++)
          sum[u][i][v] = u == 0 && start ? ((const Vector*)(start + i * ld_start))[v] : Vector{};
    constexpr int UNROLLED = CHAINS > PER ? CHAINS : PER;
    i64 p = 0;
    for (; p + UNROLLED <= depth; p += UNROLLED) {
      __builtin_prefetch(next + p / PER * step, 0, 2);
#pragma GCC unroll 4
      for (int k = 0; k < UNROLLED; k++) {
        const F* at = panel + p / PER * PANEL;
        Vector b0 = weights(at, k, 0), b1 = weights(at, k, 1);
        const int u = k % CHAINS;
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
          T a = A[i * lda + (p + k) * ca];
          sum[u][i][0] += a * b0;
          sum[u][i][1] += a * b1;
        }
      }
    }
    for (; p < depth; p++)
      for (int i = 0; i < M; i++)
        for (int v = 0; v < VECTORS; v++) sum[0][i][v] += A[i * lda + p * ca] * weights(panel, p, v);
    for (int i = 0; i < M; i++)
      for (int v = 0; v < VECTORS; v++) {
        Vector total = sum[0][i][v];
        for (int u = 1; u < CHAINS; u++) total += sum[u][i][v];
        ((Vector*)(C + i * ldc))[v] = total;
      }
  }

  static void rows_kernel(int m, i64 depth, const T* A, i64 lda, i64 ca, const F* panel, const T* start, i64 ld_start,
                          T* C, i64 ldc, const F* next, i64 step) {
#define CASE(M) \
  case M: return kernel<(M <= MAX_ROWS ? M : 1)>(depth, A, lda, ca, panel, start, ld_start, C, ldc, next, step);
    switch (m) {
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
    }
#undef CASE
  }

  // One panel's `width` columns of C (m x width) = start + A (m x depth) @ panel; the panel at `next` comes after it.
  static void panel_product(i64 m, i64 width, i64 depth, const T* A, i64 lda, i64 ca, const F* panel, const F* next,
                            const T* start, i64 ld_start, T* C, i64 ldc) {
    T tile[MAX_ROWS * PANEL];
    i64 blocks = (m + MAX_ROWS - 1) / MAX_ROWS;  // of nearly equal height
    for (i64 k = 0, i = 0; k < blocks; k++) {
      i64 rows = (m - i + blocks - k - 1) / (blocks - k);
      const T *a = A + i * lda, *s = start ? start + i * ld_start : nullptr;
      T* c = C + i * ldc;
      i64 step = std::max<i64>(1, PANEL / blocks);  // each block of rows fetches its share of the next panel
      const F* share = next + depth / PER * k * step;
      if (width == PANEL) {
        rows_kernel(rows, depth, a, lda, ca, panel, s, ld_start, c, ldc, share, step);
      } else {
        if (s)
          for (i64 r = 0; r < rows; r++) memcpy(tile + r * PANEL, s + r * ld_start, width * sizeof(T));
        rows_kernel(rows, depth, a, lda, ca, panel, s ? tile : nullptr, PANEL, tile, PANEL, share, step);
        for (i64 r = 0; r < rows; r++) memcpy(c + r * ldc, tile + r * PANEL, width * sizeof(T));
      }
      i += rows;
    }
  }

  // A (m x depth, any strides) -> blocks of MAX_ROWS rows, each column by column.
  static void pack_rows(const T* A, i64 m, i64 depth, i64 lda, i64 ca, T* out) {
    for (i64 i = 0; i < m; i += MAX_ROWS, out += MAX_ROWS * whole(depth)) {
      i64 rows = std::min<i64>(MAX_ROWS, m - i);
      if (lda == 1 && rows == MAX_ROWS)
        for (i64 p = 0; p < depth; p++)
          for (i64 r = 0; r < MAX_ROWS; r++) out[p * MAX_ROWS + r] = number(A[i + r + p * ca]);
      else
        for (i64 p = 0; p < depth; p++)
          for (i64 r = 0; r < rows; r++) out[p * MAX_ROWS + r] = number(A[(i + r) * lda + p * ca]);
      std::fill(out + depth * MAX_ROWS, out + whole(depth) * MAX_ROWS, T(0));
    }
  }

  // The same as factors of tiles, row by row.
  static void round_rows(const T* A, i64 m, i64 depth, i64 lda, i64 ca, uint16_t* out) {
    i64 all = whole(depth);
    if (ca == 1) {
      for (i64 r = 0; r < m; r++) tiles::round_row(A + r * lda, depth, all, out + r * all);
      return;
    }
    for (i64 i = 0; i < m; i += LANES) {
      i64 p = 0, end = std::min<i64>(m, i + LANES);
      if (TRANSPOSES && lda == 1 && end == i + LANES)
        for (; p + LANES * PER <= depth; p += LANES * PER) round_columns(A + i + p * ca, ca, out + i * all + p, all);
      for (; p < depth; p++)
        for (i64 r = i; r < end; r++) out[r * all + p] = rounded_bits(A[r * lda + p * ca]);
    }
    for (i64 r = 0; r < m; r++) std::fill(out + r * all + depth, out + (r + 1) * all, 0);
  }

  // C (m x n) = A @ B for operands of any strides; threads share blocks of C.
  static void matmul(i64 m, i64 n, i64 k, const T* A, i64 lda, i64 ca, const T* B, i64 ldb, i64 cb, T* C, i64 ldc,
                     int threads) {
    if (k == 0)
      for (i64 i = 0; i < m; i++) std::fill(C + i * ldc, C + i * ldc + n, T(0));
    constexpr i64 HEIGHT = 8 * MAX_ROWS;                           // of a block
    const i64 WIDTH = (ROUNDS && tiles::available() ? 64 : 16) * PANEL;  // tiles are too fast to round rows often
    i64 panels = (n + PANEL - 1) / PANEL;
    F* columns = (F*)aligned_alloc(64, (packed_size(DEPTH, n) * sizeof(F) + 63) / 64 * 64);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
      T* rows = (T*)aligned_alloc(64, HEIGHT * DEPTH * sizeof(T));
      [[maybe_unused]] Layout layout{};
      for (i64 d = 0; d < k; d += DEPTH) {
        i64 depth = std::min<i64>(DEPTH, k - d), even = whole(depth);
#pragma omp for schedule(static)
        for (i64 p = 0; p < panels; p++)
          pack(B + d * ldb + p * PANEL * cb, depth, std::min<i64>(PANEL, n - p * PANEL), ldb, cb,
               columns + p * PANEL * (even / PER));
#pragma omp for schedule(dynamic) collapse(2)
        for (i64 i = 0; i < m; i += HEIGHT)
          for (i64 j = 0; j < n; j += WIDTH) {
            i64 height = std::min(HEIGHT, m - i);
            if constexpr (ROUNDS)
              if (tiles::available()) {
                round_rows(A + i * lda + d * ca, height, depth, lda, ca, (uint16_t*)rows);
                for (i64 q = j; q < std::min(n, j + WIDTH); q += PANEL) {
                  T* c = C + i * ldc + q;
                  tiles::panel_product(height, std::min<i64>(PANEL, n - q), even, (uint16_t*)rows, even,
                                       columns + q * (even / PER), d ? c : nullptr, ldc, c, ldc);
                }
                continue;
              }
            pack_rows(A + i * lda + d * ca, height, depth, lda, ca, rows);
            for (i64 q = j; q < std::min(n, j + WIDTH); q += PANEL)
              for (i64 r = 0; r < height; r += MAX_ROWS) {
                T* c = C + (i + r) * ldc + q;
                const F* panel = columns + q * (even / PER);
                panel_product(std::min<i64>(MAX_ROWS, height - r), std::min<i64>(PANEL, n - q), even, rows + r * even, 1,
                              MAX_ROWS, panel, panel + even / PER * PANEL, d ? c : nullptr, ldc, c, ldc);
              }
          }
      }
      free(rows);
    }
    free(columns);
  }
};
