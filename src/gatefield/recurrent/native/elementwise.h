// Element-wise and row-wise instructions over a few rows at a time.
#pragma once
#include "operations.h"
#include "vector_math.h"

// Rows of values: `row` elements from one row to the next; `column` is 0 where one value stands for the whole row.
template <class T>
struct Rows {
  T* at;
  int64_t row;
  int column;
};

template <class T, class F>
GATEFIELD_INLINE void map_unary(int rows, int n, Rows<T> d, Rows<T> a, F f) {
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
GATEFIELD_INLINE void map_binary(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, F f) {
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
GATEFIELD_INLINE void map_ternary(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, Rows<T> c, F f) {
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

// Sums along a row, in several lanes.
template <class T, class F>
GATEFIELD_INLINE void reduce_rows(int rows, int n, Rows<T> d, Rows<T> a, Rows<T> b, T scale, F f) {
  constexpr int LANES = 256 / sizeof(T);
  for (int r = 0; r < rows; r++) {
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    T lanes[LANES] = {};
    int j = 0;
    for (; j + LANES <= n; j += LANES)
      for (int k = 0; k < LANES; k++) lanes[k] += f(A[j + k], B[j + k]);
    T sum = 0;
    for (int k = 0; k < LANES; k++) sum += lanes[k];
    for (; j < n; j++) sum += f(A[j], B[j]);
    d.at[r * d.row] = sum * scale;
  }
}

// total[j] += sum over rows of f(a, b)
template <class T, class F>
GATEFIELD_INLINE void accumulate(int rows, int n, T* total, Rows<T> a, Rows<T> b, F f) {
  for (int r = 0; r < rows; r++) {
    const T *A = a.at + r * a.row, *B = b.at + r * b.row;
    if (a.column && b.column) {
#pragma GCC ivdep
      for (int j = 0; j < n; j++) total[j] += f(A[j], B[j]);
    } else {
      for (int j = 0; j < n; j++) total[j] += f(A[j * a.column], B[j * b.column]);
    }
  }
}
