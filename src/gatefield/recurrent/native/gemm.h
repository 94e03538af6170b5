// Matrix products by a register-blocked kernel on packed weights.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

template <class T>
struct Gemm {
  using i64 = int64_t;
  static constexpr int LANES = VECTOR_BYTES / sizeof(T);
  static constexpr int VECTORS = 2;                // the kernel's tile is MAX_ROWS x PANEL values of the result
  static constexpr int PANEL = VECTORS * LANES;
#if VECTOR_BYTES == 64 || defined(__aarch64__)
  static constexpr int MAX_ROWS = 8;  // 32 registers would hold 14, but rows 8 kB apart share one set of an 8-way cache
#else
  static constexpr int MAX_ROWS = 6;  // what 16 registers hold
#endif
  static constexpr int DEPTH = 256;                // of a panel that stays in the first-level cache
  typedef T Vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

  static i64 packed_size(i64 depth, i64 columns) { return (columns + PANEL - 1) / PANEL * PANEL * depth; }

  // W (depth x columns, any strides) -> panels of PANEL columns, each depth x PANEL, padded with zeros.
  static void pack(const T* W, i64 depth, i64 columns, i64 row, i64 column, T* out) {
    for (i64 p = 0; p < columns; p += PANEL, out += depth * PANEL) {
      i64 width = std::min<i64>(PANEL, columns - p);
      const T* source = W + p * column;
      if (width < PANEL) std::fill(out, out + depth * PANEL, T(0));
      for (i64 block = 0; block < depth; block += 16) {
        i64 end = std::min<i64>(depth, block + 16);
        if (column == 1)
          for (i64 i = block; i < end; i++)
            for (i64 j = 0; j < width; j++) out[i * PANEL + j] = source[i * row + j];
        else
          for (i64 j = 0; j < width; j++)
            for (i64 i = block; i < end; i++) out[i * PANEL + j] = source[i * row + j * column];
      }
    }
  }

  // C (M x PANEL) = start + A (M x depth) @ panel; start may be null (zeros), C itself, or one row for all (ld 0).
  template <int M>
  static __attribute__((noinline)) void kernel(i64 depth, const T* A, i64 lda, i64 ca, const T* panel, const T* start,
                                               i64 ld_start, T* C, i64 ldc) {
    constexpr int CHAINS = M == 1 ? 4 : M <= 3 ? 2 : 1;  // independent sums that hide the latency of few rows
    Vector sum[CHAINS][M][VECTORS];
    for (int u = 0; u < CHAINS; u++)
      for (int i = 0; i < M; i++)
        for (int v = 0; v < VECTORS; v++)
          sum[u][i][v] = u == 0 && start ? ((const Vector*)(start + i * ld_start))[v] : Vector{};
    i64 p = 0;
    for (; p + CHAINS <= depth; p += CHAINS) {
#pragma GCC unroll 4
      for (int u = 0; u < CHAINS; u++) {
        const Vector* b = (const Vector*)(panel + (p + u) * PANEL);
        Vector b0 = b[0], b1 = b[1];
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
          T a = A[i * lda + (p + u) * ca];
          sum[u][i][0] += a * b0;
          sum[u][i][1] += a * b1;
        }
      }
    }
    for (; p < depth; p++) {
      const Vector* b = (const Vector*)(panel + p * PANEL);
      for (int i = 0; i < M; i++)
        for (int v = 0; v < VECTORS; v++) sum[0][i][v] += A[i * lda + p * ca] * b[v];
    }
    for (int i = 0; i < M; i++)
      for (int v = 0; v < VECTORS; v++) {
        Vector total = sum[0][i][v];
        for (int u = 1; u < CHAINS; u++) total += sum[u][i][v];
        ((Vector*)(C + i * ldc))[v] = total;
      }
  }

  static void rows_kernel(int m, i64 depth, const T* A, i64 lda, i64 ca, const T* panel, const T* start, i64 ld_start,
                          T* C, i64 ldc) {
#define CASE(M) \
  case M: return kernel<(M <= MAX_ROWS ? M : 1)>(depth, A, lda, ca, panel, start, ld_start, C, ldc);
    switch (m) {
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
    }
#undef CASE
  }

  // One panel's `width` columns of C (m x width) = start + A (m x depth) @ panel.
  static void panel_product(i64 m, i64 width, i64 depth, const T* A, i64 lda, i64 ca, const T* panel, const T* start,
                            i64 ld_start, T* C, i64 ldc) {
    T tile[MAX_ROWS * PANEL];
    i64 blocks = (m + MAX_ROWS - 1) / MAX_ROWS;  // of nearly equal height
    for (i64 k = 0, i = 0; k < blocks; k++) {
      i64 rows = (m - i + blocks - k - 1) / (blocks - k);
      const T *a = A + i * lda, *s = start ? start + i * ld_start : nullptr;
      T* c = C + i * ldc;
      if (width == PANEL) {
        rows_kernel(rows, depth, a, lda, ca, panel, s, ld_start, c, ldc);
      } else {
        if (s)
          for (i64 r = 0; r < rows; r++) memcpy(tile + r * PANEL, s + r * ld_start, width * sizeof(T));
        rows_kernel(rows, depth, a, lda, ca, panel, s ? tile : nullptr, PANEL, tile, PANEL);
        for (i64 r = 0; r < rows; r++) memcpy(c + r * ldc, tile + r * PANEL, width * sizeof(T));
      }
      i += rows;
    }
  }

  // A (m x depth, any strides) -> blocks of MAX_ROWS rows, each column by column.
  static void pack_rows(const T* A, i64 m, i64 depth, i64 lda, i64 ca, T* out) {
    for (i64 i = 0; i < m; i += MAX_ROWS, out += MAX_ROWS * depth) {
      i64 rows = std::min<i64>(MAX_ROWS, m - i);
      if (lda == 1 && rows == MAX_ROWS)
        for (i64 p = 0; p < depth; p++) memcpy(out + p * MAX_ROWS, A + i + p * ca, MAX_ROWS * sizeof(T));
      else
        for (i64 p = 0; p < depth; p++)
          for (i64 r = 0; r < rows; r++) out[p * MAX_ROWS + r] = A[(i + r) * lda + p * ca];
    }
  }

  // C (m x n) = A @ B for operands of any strides; threads share blocks of C.
  static void matmul(i64 m, i64 n, i64 k, const T* A, i64 lda, i64 ca, const T* B, i64 ldb, i64 cb, T* C, i64 ldc,
                     int threads) {
    if (k == 0)
      for (i64 i = 0; i < m; i++) std::fill(C + i * ldc, C + i * ldc + n, T(0));
    constexpr i64 HEIGHT = 8 * MAX_ROWS, WIDTH = 16 * PANEL;  // of a block
    i64 panels = (n + PANEL - 1) / PANEL;
    T* columns = (T*)aligned_alloc(64, (packed_size(DEPTH, n) * sizeof(T) + 63) / 64 * 64);
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
      T* rows = (T*)aligned_alloc(64, HEIGHT * DEPTH * sizeof(T));
      for (i64 d = 0; d < k; d += DEPTH) {
        i64 depth = std::min<i64>(DEPTH, k - d);
#pragma omp for schedule(static)
        for (i64 p = 0; p < panels; p++)
          pack(B + d * ldb + p * PANEL * cb, depth, std::min<i64>(PANEL, n - p * PANEL), ldb, cb,
               columns + p * PANEL * depth);
#pragma omp for schedule(dynamic) collapse(2)
        for (i64 i = 0; i < m; i += HEIGHT)
          for (i64 j = 0; j < n; j += WIDTH) {
            i64 height = std::min(HEIGHT, m - i);
            pack_rows(A + i * lda + d * ca, height, depth, lda, ca, rows);
            for (i64 q = j; q < std::min(n, j + WIDTH); q += PANEL)
              for (i64 r = 0; r < height; r += MAX_ROWS) {
                T* c = C + (i + r) * ldc + q;
                panel_product(std::min<i64>(MAX_ROWS, height - r), std::min<i64>(PANEL, n - q), depth, rows + r * depth, 1,
                              MAX_ROWS, columns + q * depth, d ? c : nullptr, ldc, c, ldc);
              }
          }
      }
      free(rows);
    }
    free(columns);
  }
};
