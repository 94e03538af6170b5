// Convolutions of signs: n - 2 popcount(kernel xor window). A plain C interface: no Python, no torch.
//
// The signs of x are packed first: for each word of channels a plane, in it a word for each pixel. Then the output,
// tile by tile: what each of its pixels sees is gathered side by side and meets the kernels. How bits that differ are
// counted is for each instruction set to say, in a header of its own that comes first: Word, Tile, PIXELS, SCRATCH,
// prepare and count.
#pragma once

#include "pack.h"

namespace {

// What Python fills in. Sizes and strides count elements.
struct SignConvolution {
  const void* x;
  i64 is_double, batch, channels, height, width;
  i64 x_strides[4];  // batch, channel, row, column
  const uint8_t* kernels;
  i64 kernel_bytes;  // of one tap
  i64 out_channels, kernel_height, kernel_width, stride, padding, groups;
  int32_t* sums;
  i64 out_height, out_width;
  i64 sums_strides[3];  // batch, channel, pixel
  i64 threads;
};

constexpr i64 CHANNELS = 64;  // of the output, counted at a time

struct Convolution {
  const SignConvolution& q;
  const i64 taps = q.kernel_height * q.kernel_width, words = divide_up(q.kernel_bytes, sizeof(Word));
  const i64 pixels = q.batch * q.height * q.width, outputs = q.batch * q.out_height * q.out_width;
  const i64 inputs_each = q.channels / q.groups, outputs_each = q.out_channels / q.groups;  // channels of a group
  std::vector<Line> planes = std::vector<Line>(lines(q.groups * words * pixels * sizeof(Word)));
  std::vector<Line> kernels = std::vector<Line>(lines(q.out_channels * taps * words * sizeof(Word)));

  Word* plane(i64 group, i64 word) { return (Word*)planes.data() + (group * words + word) * pixels; }
  Word* kernel(i64 channel) { return (Word*)kernels.data() + channel * taps * words; }

  // Whole words of bytes, whatever order of bytes the processor likes.
  void copy_kernel(i64 channel) {
    Word* out = kernel(channel);
    const uint8_t* bytes = q.kernels + channel * taps * q.kernel_bytes;
    for (i64 tap = 0; tap < taps; ++tap, bytes += q.kernel_bytes)
      for (i64 word = 0; word < words; ++word) {
        uint32_t w = 0;
        const i64 first = word * sizeof(Word), count = std::min<i64>(sizeof(Word), q.kernel_bytes - first);
        for (i64 i = 0; i < count; ++i) w |= uint32_t(bytes[first + i]) << (8 * i);
        *out++ = Word(w);
      }
  }

  template <class T>
  bool pack_block(const Runs& runs, i64 run, i64 first, i64 group, i64 word) {
    const i64 channel = word * WORD_BITS;
    const T* x = (const T*)q.x + (group * inputs_each + channel) * q.x_strides[1];
    const int channels = int(std::min<i64>(WORD_BITS, inputs_each - channel));
    const int count = int(std::min(BLOCK, runs.length - first));
    x += runs.offset(run) + first * runs.step;
    return pack(x, runs.step, q.x_strides[1], channels, count, plane(group, word) + run * runs.length + first);
  }

  // What the pixels from `first` on see, and how many of their taps lie on the image.
  void gather(Tile& tile, int32_t* taps_on, i64 group, i64 first) {
    tile.count = std::min<i64>(PIXELS, outputs - first);
    std::fill(tile.valid.begin(), tile.valid.end(), 0);
    std::fill(taps_on, taps_on + PIXELS, 0);
    for (i64 p = 0, length; p < tile.count; p += length) {  // pixels of one row
      const i64 column = (first + p) % q.out_width, above = (first + p) / q.out_width;
      const i64 row = above % q.out_height, image = above / q.out_height;
      length = std::min(tile.count - p, q.out_width - column);
      for (i64 tap = 0; tap < taps; ++tap) {
        const i64 y = row * q.stride - q.padding + tap / q.kernel_width;
        const i64 x = column * q.stride - q.padding + tap % q.kernel_width;
        const i64 begin = x >= 0 ? 0 : divide_up(-x, q.stride);
        const i64 end = x >= q.width ? 0 : std::min(length, divide_up(q.width - x, q.stride));
        if (y < 0 || y >= q.height || begin >= end) continue;
        for (i64 i = begin; i < end; ++i) {
          tile.valid[tap] |= uint64_t(1) << (p + i);
          ++taps_on[p + i];
        }
        const Word* from = plane(group, 0) + (image * q.height + y) * q.width + x + begin * q.stride;
        Word* to = tile.bits + tap * words * PIXELS + p + begin;
        for (i64 word = 0; word < words; ++word, from += pixels, to += PIXELS)
          if (q.stride == 1) std::memcpy(to, from, (end - begin) * sizeof(Word));
          else
            for (i64 i = 0; i < end - begin; ++i) to[i] = from[i * q.stride];
      }
    }
  }

  // n - 2 times the bits that differ
  void deliver(const int32_t* counts, const int32_t* signs, i64 first, i64 size, i64 channel, i64 channels) {
    const i64 area = q.out_height * q.out_width;
    for (i64 p = 0, length; p < size; p += length) {  // pixels of one image
      const i64 image = (first + p) / area, pixel = (first + p) % area;
      length = std::min(size - p, area - pixel);
      int32_t* sums = q.sums + image * q.sums_strides[0] + channel * q.sums_strides[1] + pixel * q.sums_strides[2];
      if (q.sums_strides[2] == 1)
        for (i64 n = 0; n < channels; ++n, sums += q.sums_strides[1])
          for (i64 i = 0; i < length; ++i) sums[i] = signs[p + i] - 2 * counts[n * PIXELS + p + i];
      else
        for (i64 i = 0; i < length; ++i, sums += q.sums_strides[2])
          for (i64 n = 0; n < channels; ++n) sums[n] = signs[p + i] - 2 * counts[n * PIXELS + p + i];
    }
  }

  Result run() {
    const Runs runs({q.width, q.height, q.batch}, {q.x_strides[3], q.x_strides[2], q.x_strides[0]});
    const i64 blocks = divide_up(runs.length, BLOCK), tiles = divide_up(outputs, PIXELS);
    const i64 parts = divide_up(outputs_each, CHANNELS);
    const i64 tile_lines = taps * words * lines(PIXELS * sizeof(Word));
    const i64 room = tile_lines * (1 + SCRATCH) + lines(CHANNELS * PIXELS * sizeof(int32_t));
    std::vector<Line> rooms(room * q.threads);
    std::vector<Tile> of_threads(q.threads, Tile{taps, words, nullptr, std::vector<uint64_t>(taps)});
    int nan = 0;
#pragma omp parallel num_threads(int(q.threads)) if (q.threads > 1) reduction(| : nan)
    {
#pragma omp for schedule(static) nowait
      for (i64 channel = 0; channel < q.out_channels; ++channel) copy_kernel(channel);
#pragma omp for schedule(static)
      for (i64 job = 0; job < q.groups * words * runs.count * blocks; ++job) {
        const i64 plane = job / (runs.count * blocks), run = job / blocks % runs.count, first = job % blocks * BLOCK;
        nan |= q.is_double ? pack_block<double>(runs, run, first, plane / words, plane % words)
                           : pack_block<float>(runs, run, first, plane / words, plane % words);
      }
      Tile& tile = of_threads[omp_get_thread_num()];
      Line* mine = rooms.data() + room * omp_get_thread_num();
      tile.bits = (Word*)mine;
      char* scratch = (char*)(mine + tile_lines);
      int32_t* counts = (int32_t*)(mine + tile_lines * (1 + SCRATCH));
      int32_t signs[PIXELS];
      i64 gathered = -1;
#pragma omp for schedule(static)
      for (i64 job = 0; job < q.groups * tiles * parts; ++job) {
        const i64 group = job / (tiles * parts), first = job / parts % tiles * PIXELS, part = job % parts;
        if (job / parts != gathered) {
          gathered = job / parts;
          gather(tile, signs, group, first);
          for (int32_t& sign : signs) sign *= int32_t(inputs_each);
          prepare(tile, scratch);
        }
        const i64 channel = group * outputs_each + part * CHANNELS;
        const i64 channels = std::min<i64>(CHANNELS, outputs_each - part * CHANNELS);
        count(tile, scratch, kernel(channel), channels, counts);
        deliver(counts, signs, first, tile.count, channel, channels);
      }
    }
    return nan ? FOUND_NAN : DONE;
  }
};

}  // namespace

// The place in LEVELS, in __init__.py, of the best library for this processor.
EXPORT int gatefield_processor() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vpopcntdq"))
    return 2;
  if (avx2) return 1;
#endif
  return 0;
}

EXPORT int gatefield_sign_convolution(const SignConvolution* q) {
  try {
    return Convolution{*q}.run();
  } catch (const std::bad_alloc&) {
    return NO_MEMORY;
  }
}
