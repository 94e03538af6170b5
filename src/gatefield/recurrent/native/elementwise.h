// Element-wise and row-wise instructions over a few rows at a time.
#pragma once
#include "operations.h"
#include "vector_math.h"

using i64 = int64_t;

// Rows of values: `row` elements from one row to the next; `column` is 0 where one value stands for the whole row.
template <class T>
struct Rows {
  T* at;
  i64 row;
  int column;
};

template <class T, class F>
GATEFIELD_LOOP void map_unary(int rows, int n, Rows<T> d, Rows<T> a, F f) {
  if (a.column && d.row == n && a.row == n) n *= rows, rows = 1;  // one long row
  for (int r = 0; r < rows; r++) {
    T* __restrict D = d.at + r * d.row;
    const T* A = a.at + r * a.row;
    if (a.column) {
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j]);
    } else {
      T value = f(A[0]);
      for (int j = 0; j < n; j++) D[j] = value;
    }
  }
}

template <class T, class F>
GATEFIELD_LOOP void map_binary(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, F f) {
  if (a.column && b.column && d.row == n && a.row == n && b.row == n) n *= rows, rows = 1;
  for (int r = 0; r < rows; r++) {
    T* D = d.at + r * d.row;
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    if (a.column && b.column) {
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], B[j]);
    } else if (a.column) {
      T y = B[0];
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], y);
    } else {
      T x = A[0];
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(x, B[j * b.column]);
    }
  }
}

template <class T, class F>
GATEFIELD_LOOP void map_ternary(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, Rows<T> c, F f) {
  bool whole = a.column && b.column && c.column;
  if (whole && d.row == n && a.row == n && b.row == n && c.row == n) n *= rows, rows = 1;
  for (int r = 0; r < rows; r++) {
    T* D = d.at + r * d.row;
    const T *A = a.at + r * a.row, *B = b.at + r * b.row, *C = c.at + r * c.row;
    if (whole) {
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], B[j], C[j]);
    } else if (a.column && !b.column && !c.column) {
      T y = B[0], z = C[0];
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], y, z);
    } else if (a.column && !b.column) {
      T y = B[0];
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], y, C[j]);
    } else if (a.column && b.column) {
      T z = C[0];
#pragma GCC ivdep
      for (int j = 0; j < n; j++) D[j] = f(A[j], B[j], z);
    } else {
      for (int j = 0; j < n; j++) D[j] = f(A[j * a.column], B[j * b.column], C[j * c.column]);
    }
  }
}

template <class L, class T>
GATEFIELD_INLINE L load(const T* at) {
  L values;
  memcpy(&values, at, sizeof values);
  return values;
}

// sum of f(j) over a row of n, where f(Lanes, j) gives the values from j on as a vector, f(T, j) the one at j.
template <class T, class F>
GATEFIELD_INLINE T sum_of_row(int n, F f) {
  using V = typename Vector<T>::type;
  constexpr int LANES = Vector<T>::LANES;
  V s0 = {}, s1 = {}, s2 = {}, s3 = {};  // independent sums that hide the latency of an addition
  int j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) {
    s0 += f(V{}, j);
    s1 += f(V{}, j + LANES);
    s2 += f(V{}, j + 2 * LANES);
    s3 += f(V{}, j + 3 * LANES);
  }
  for (; j + LANES <= n; j += LANES) s0 += f(V{}, j);
  T sum = sum_of_lanes<T>((s0 + s1) + (s2 + s3));
  for (; j < n; j++) sum += f(T(), j);
  return sum;
}

template <class T, class F>
GATEFIELD_LOOP void reduce_rows(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, T scale, F f) {
  for (int r = 0; r < rows; r++) {
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    d.at[r * d.row] = scale * sum_of_row<T>(n, [=](auto lanes, int j) {
      using L = decltype(lanes);
      return f(load<L>(A + j), load<L>(B + j));
    });
  }
}

// d = scale * sum over a row of (a - b)^2 for one number b a row
template <class T>
GATEFIELD_LOOP void sum_squares(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, T scale) {
  for (int r = 0; r < rows; r++) {
    const T* A = a.at + r * a.row;
    T mean = b.at[r * b.row];
    d.at[r * d.row] = scale * sum_of_row<T>(n, [=](auto lanes, int j) {
      auto from_mean = load<decltype(lanes)>(A + j) - mean;
      return from_mean * from_mean;
    });
  }
}

// The gradient of y = (x - mean of x) / deviation by x: d = c * (a - mean of a - y * mean of a * y), b being y and c one
// number a row, 1 / deviation.
template <class T>
GATEFIELD_LOOP void normal_gradient(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, Rows<T> c) {
  for (int r = 0; r < rows; r++) {
    T* D = d.at + r * d.row;
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    T mean = sum_of_row<T>(n, [=](auto lanes, int j) { return load<decltype(lanes)>(A + j); }) / n;
    T along = sum_of_row<T>(n, [=](auto lanes, int j) {
      using L = decltype(lanes);
      return load<L>(A + j) * load<L>(B + j);
    }) / n;
    T scale = c.at[r * c.row];
#pragma GCC ivdep
    for (int j = 0; j < n; j++) D[j] = (A[j] - B[j] * along - mean) * scale;
  }
}

// total[j] += sum over rows of f(a, b)
template <class T, class F>
GATEFIELD_LOOP void accumulate(int rows, int n, T* __restrict total, Rows<T> a, Rows<T> b, F f) {
  int r = 0;
  if (a.column && b.column)
    for (; r + 4 <= rows; r += 4) {  // four rows at a time: the totals are loaded and stored once
      const T *A = a.at + r * a.row, *B = b.at + r * b.row;
      i64 i = a.row, k = b.row;
#pragma GCC ivdep
      for (int j = 0; j < n; j++)
        total[j] += (f(A[j], B[j]) + f(A[i + j], B[k + j])) + (f(A[2 * i + j], B[2 * k + j]) + f(A[3 * i + j], B[3 * k + j]));
    }
  for (; r < rows; r++) {
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    if (a.column && b.column) {
#pragma GCC ivdep
      for (int j = 0; j < n; j++) total[j] += f(A[j], B[j]);
    } else {
      for (int j = 0; j < n; j++) total[j] += f(A[j * a.column], B[j * b.column]);
    }
  }
}
