// What the taps of a deformable convolution read between cells, and the gradients of that.
//
// The channels of a cell lie side by side, so that a sample is four runs of numbers times four weights. Cells outside
// the image are read from a row of zeros; what would flow back into them goes to rows that nobody reads.
#pragma once

#include <cmath>
#include <numeric>

#include "interface.h"

namespace {

// What Python fills in: some images, and a band of the output's rows. Everything is contiguous.
struct DeformableSampling {
  const void *x, *offset;  // (images, height, width, channels), (images, offset groups, taps, 2, out_height, out_width)
  const void* mask;        // (images, offset groups, taps, out_height, out_width), or null
  void* samples;           // (images, rows of the band, out_width, groups, taps, channels / groups), or their gradient
  void *x_gradient, *offset_gradient, *mask_gradient;  // as x, offset and mask; the backward pass adds to them
  i64 is_double, images, channels, height, width, out_height, out_width, first_row, end_row, groups, offset_groups;
  i64 kernel[2], stride[2], padding[2], dilation[2];
  i64 threads;
};

template <class T>
struct Sampler {
  const DeformableSampling& q;
  const i64 taps = q.kernel[0] * q.kernel[1], area = q.out_height * q.out_width;
  const i64 of_group = q.channels / q.groups, of_offset_group = q.channels / q.offset_groups;
  const i64 run = std::gcd(of_group, of_offset_group);  // channels that share a group and an offset group

  // Where one tap of one window reads: four cells around it, by rows, each with G(q, p).
  struct Place {
    i64 cell[4];  // in the image; -1 outside
    T weight[4], below, beside, mask;
    bool anywhere, known;  // on the image at least in part; no NaN

    Place(T down, T right, T mask, i64 height, i64 width) : mask(mask) {
      anywhere = down >= -1 && down < T(height) && right >= -1 && right < T(width);
      known = down == down && right == right && mask == mask;
      if (!anywhere) return;
      const T row = std::floor(down), column = std::floor(right);
      below = down - row, beside = right - column;
      for (int corner = 0; corner < 4; ++corner) {
        const i64 y = i64(row) + corner / 2, x = i64(column) + corner % 2;
        cell[corner] = y < 0 || y >= height || x < 0 || x >= width ? -1 : y * width + x;
        weight[corner] = (corner / 2 ? below : 1 - below) * (corner % 2 ? beside : 1 - beside);
      }
    }
  };

  // Of the moves down; those to the right lie an area behind.
  i64 move(i64 image, i64 offset_group, i64 tap) const {
    return ((image * q.offset_groups + offset_group) * taps + tap) * 2 * area;
  }

  Place place(i64 image, i64 offset_group, i64 tap, i64 row, i64 column) const {
    const i64 at = move(image, offset_group, tap), pixel = row * q.out_width + column;
    const T* offset = (const T*)q.offset + at + pixel;
    const T down = T(row * q.stride[0] - q.padding[0] + tap / q.kernel[1] * q.dilation[0]) + offset[0];
    const T right = T(column * q.stride[1] - q.padding[1] + tap % q.kernel[1] * q.dilation[1]) + offset[area];
    return {down, right, q.mask ? ((const T*)q.mask)[at / 2 + pixel] : 1, q.height, q.width};
  }

  T* samples(i64 image, i64 row, i64 column, i64 channel, i64 tap) const {
    const i64 pixel = (image * (q.end_row - q.first_row) + row - q.first_row) * q.out_width + column;
    return (T*)q.samples + ((pixel * q.groups + channel / of_group) * taps + tap) * of_group + channel % of_group;
  }

  const T* cells(i64 image) const { return (const T*)q.x + image * q.height * q.width * q.channels; }

  // x(p) = sum over q of G(q, p) x(q), times dm
  void sample_row(i64 image, i64 row, const T* zeros) const {
    for (i64 column = 0; column < q.out_width; ++column)
      for (i64 channel = 0; channel < q.channels; channel += run)
        for (i64 tap = 0; tap < taps; ++tap) {
          const Place p = place(image, channel / of_offset_group, tap, row, column);
          T* __restrict out = samples(image, row, column, channel, tap);
          if (!p.anywhere) {
            for (i64 c = 0; c < run; ++c) out[c] = p.known ? T(0) : T(NAN);
            continue;
          }
          const T* from[4];
          T w[4];
          for (int corner = 0; corner < 4; ++corner) {
            from[corner] = p.cell[corner] < 0 ? zeros : cells(image) + p.cell[corner] * q.channels + channel;
            w[corner] = p.weight[corner] * p.mask;
          }
#pragma omp simd
          for (i64 c = 0; c < run; ++c)
            out[c] = w[0] * from[0][c] + w[1] * from[1][c] + w[2] * from[2][c] + w[3] * from[3][c];
        }
  }

  // dL/dx(q) = sum over p of G(q, p) dm g(p); with d_q = sum over channels of g x(q), all else is of d.
  void gradients(i64 image, i64 offset_group, const T* zeros, T* nowhere) const {
    T* const x_gradient = (T*)q.x_gradient + (cells(image) - (const T*)q.x);
    const i64 first = offset_group * of_offset_group;
    for (i64 row = q.first_row; row < q.end_row; ++row)
      for (i64 column = 0; column < q.out_width; ++column)
        for (i64 channel = first; channel < first + of_offset_group; channel += run)
          for (i64 tap = 0; tap < taps; ++tap) {
            const Place p = place(image, offset_group, tap, row, column);
            if (!p.anywhere) continue;
            const T* g = samples(image, row, column, channel, tap);
            const T* from[4];
            T *to[4], w[4];
            for (int corner = 0; corner < 4; ++corner) {
              const bool outside = p.cell[corner] < 0;
              const i64 at = p.cell[corner] * q.channels + channel;
              from[corner] = outside ? zeros : cells(image) + at;
              to[corner] = outside ? nowhere + corner * run : x_gradient + at;
              w[corner] = p.weight[corner] * p.mask;
            }
            T d0 = 0, d1 = 0, d2 = 0, d3 = 0;
#pragma omp simd reduction(+ : d0, d1, d2, d3)
            for (i64 c = 0; c < run; ++c) {
              const T slope = g[c];
              d0 += slope * from[0][c], d1 += slope * from[1][c], d2 += slope * from[2][c], d3 += slope * from[3][c];
              to[0][c] += w[0] * slope, to[1][c] += w[1] * slope, to[2][c] += w[2] * slope, to[3][c] += w[3] * slope;
            }
            const i64 at = move(image, offset_group, tap), pixel = row * q.out_width + column;
            T* offset_gradient = (T*)q.offset_gradient + at + pixel;
            offset_gradient[0] += p.mask * ((1 - p.beside) * (d2 - d0) + p.beside * (d3 - d1));
            offset_gradient[area] += p.mask * ((1 - p.below) * (d1 - d0) + p.below * (d3 - d2));
            if (q.mask)
              ((T*)q.mask_gradient)[at / 2 + pixel] +=
                  p.weight[0] * d0 + p.weight[1] * d1 + p.weight[2] * d2 + p.weight[3] * d3;
          }
  }

  void forward() const {
    const std::vector<T> zeros(run);
    const i64 rows = q.end_row - q.first_row;
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 job = 0; job < q.images * rows; ++job) sample_row(job / rows, q.first_row + job % rows, zeros.data());
  }

  // Offset groups have channels of their own and images cells of their own: no two threads write to one place.
  void backward() const {
    const std::vector<T> zeros(run);
    std::vector<T> nowhere(q.threads * 4 * run);
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 job = 0; job < q.images * q.offset_groups; ++job)
      gradients(job / q.offset_groups, job % q.offset_groups, zeros.data(),
                nowhere.data() + omp_get_thread_num() * 4 * run);
  }
};

}  // namespace

EXPORT int gatefield_deformable_samples(const DeformableSampling* q) {
  try {
    q->is_double ? Sampler<double>{*q}.forward() : Sampler<float>{*q}.forward();
    return DONE;
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  }
}

EXPORT int gatefield_deformable_gradients(const DeformableSampling* q) {
  try {
    q->is_double ? Sampler<double>{*q}.backward() : Sampler<float>{*q}.backward();
    return DONE;
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  }
}
