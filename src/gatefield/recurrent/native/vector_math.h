// Elementary functions without branches, so that the compiler turns a loop over them into vector code.
// NaN and infinities come out as they do in torch: a clamp is written so that NaN passes through it.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#define GATEFIELD_INLINE static inline __attribute__((always_inline))
#define GATEFIELD_LOOP static __attribute__((noinline))  // by itself a loop keeps its values in registers

template <class T>
struct Vector {
  static constexpr int LANES = VECTOR_BYTES / sizeof(T);
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
};

template <class T>
GATEFIELD_INLINE T sum_of_lanes(typename Vector<T>::type vector) {
  constexpr int LANES = Vector<T>::LANES;
  T lanes[LANES];
  memcpy(lanes, &vector, sizeof lanes);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int k = 0; k < width; k++) lanes[k] += lanes[k + width];
  return lanes[0];
}

// exp, relative error 1e-7. Results below 1e-38 are zero, above 3e38 infinite.
GATEFIELD_INLINE float exp_of(float x) {
  x = x < -87.34f ? -87.34f : x;
  x = x > 89.4f ? 89.4f : x;
  float z = x * 1.44269504f + 12582912.f;  // adding 1.5 * 2^23 rounds to the nearest integer
  int32_t n;
  memcpy(&n, &z, 4);
  float whole = z - 12582912.f;
  float r = x - whole * 0.693359375f;
  r = r + whole * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.f;
  int32_t exponent = (n - 0x4B400000 + 126) << 23;  // 2^(n-1), which is zero or infinite at the ends
  float half;
  memcpy(&half, &exponent, 4);
  return p * half * 2.f;
}

// 1 / x for positive x between 1e-37 and 1e37, rounded to the nearest: Newton's steps from a guess by the exponent. A
// vector of divisions takes four times as long.
GATEFIELD_INLINE float reciprocal_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  bits = 0x7EF311C7 - bits;
  float r;
  memcpy(&r, &bits, 4);
  r = r * (2.f - x * r);
  r = r * (2.f - x * r);
  return r + r * (1.f - x * r);
}

GATEFIELD_INLINE float quotient_of(float x, float y) {
  float r = reciprocal_of(y), q = x * r;
  return q + r * (x - y * q);
}

GATEFIELD_INLINE float sigmoid_of(float x) {
  float y = x < -85.f ? -85.f : x;
  float s = reciprocal_of(1.f + exp_of(-y));
  return x < -85.f ? 0.f : s;
}

// tanh as a ratio of polynomials (Eigen's), error of a few units in the last place.
GATEFIELD_INLINE float tanh_of(float x) {
  float y = x < -7.905311f ? -7.905311f : x;
  y = y > 7.905311f ? 7.905311f : y;
  float q = y * y;
  float p = -2.76076847742355e-16f;
  p = p * q + 2.00018790482477e-13f;
  p = p * q + -8.60467152213735e-11f;
  p = p * q + 5.12229709037114e-08f;
  p = p * q + 1.48572235717979e-05f;
  p = p * q + 6.37261928875436e-04f;
  p = p * q + 4.89352455891786e-03f;
  float d = 1.19825839466702e-06f;
  d = d * q + 1.18534705686654e-04f;
  d = d * q + 2.26843463243900e-03f;
  d = d * q + 4.89352518554385e-03f;
  return quotient_of(y * p, d);
}

GATEFIELD_INLINE double exp_of(double x) { return std::exp(x); }
GATEFIELD_INLINE double sigmoid_of(double x) { return 1 / (1 + exp_of(-x)); }
GATEFIELD_INLINE double tanh_of(double x) { return std::tanh(x); }
