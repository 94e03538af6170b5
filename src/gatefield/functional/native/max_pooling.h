// Maxima of windows, which of a window's cells they were, and the gradients that go there.
//
// Pictures lie row by row, each cell a run of `inner` numbers: the channels, or one number where a plane is a picture of
// its own. Of equal cells the first wins, by rows, and every NaN wins over what came before, as in torch.
#pragma once

#include "lanes.h"

namespace {

// What Python fills in. Everything is contiguous.
struct MaxPooling {
  void *x, *y;       // (pictures, height, width, inner) and (pictures, out_height, out_width, inner), or their gradients
  uint8_t* winners;  // as y: the number of the tap in its window; null: nobody asks
  i64 kind, pictures, height, width, inner, out_height, out_width;
  i64 kernel[2], stride[2], padding[2];
  i64 threads;
};

template <class T>
struct Pooling {
  using L = Lanes<T>;
  using Tap = typename L::Tap;
  using Lane = typename L::Taps;  // a tap for each number
  using Numbers = typename L::Numbers;
  static constexpr i64 LANES = L::COUNT;
  const MaxPooling q;

  INLINE static Lane load_taps(const uint8_t* winners, i64 count) {
    typename L::Bytes bytes = {};
    memcpy(&bytes, winners, count);
    return __builtin_convertvector(bytes, Lane);
  }

  // A maximum so far, and whose it is.
  struct Best {
    Numbers value = {};
    Lane tap = Lane{} - 1;

    INLINE void compare(Numbers given, Tap number) {
      const Lane taken = (tap < 0) | (given > value) | (given != given);
      value = taken ? given : value;
      tap = taken ? Lane{} + number : tap;
    }

    INLINE void store(T* y, uint8_t* winners, i64 count) const {
      L::store(value, y, count);
      if (!winners) return;
      const auto bytes = __builtin_convertvector(tap, typename L::Bytes);
      memcpy(winners, &bytes, count);
    }
  };

  // Where a window begins along an axis, and which of its taps lie on the picture.
  struct Taps {
    i64 start, first, end;
    INLINE Taps(i64 place, i64 kernel, i64 stride, i64 padding, i64 size)
        : start(place * stride - padding), first(std::max<i64>(0, -start)), end(std::min(kernel, size - start)) {}
  };
  Taps down(i64 row) const { return {row, q.kernel[0], q.stride[0], q.padding[0], q.height}; }

  T* cells(i64 picture, i64 row) const { return (T*)q.x + (picture * q.height + row) * q.width * q.inner; }

  // Calls visit(column, taps) for every window of a row.
  template <class Visit>
  INLINE void windows(const Visit& visit) const {
    const i64 kernel = q.kernel[1], stride = q.stride[1], padding = q.padding[1], width = q.width;
    for (i64 column = 0; column < q.out_width; ++column) visit(column, Taps(column, kernel, stride, padding, width));
  }

  // Runs of channels, LANES at a time. What is computed beyond a run's end belongs to the next cell, which comes later;
  // `room` numbers of y, from this row's first on, are this thread's.
  void cells_of_row(i64 picture, i64 row, i64 room, T* y, uint8_t* winners) const {
    const Taps vertical = down(row);
    const T* const top = cells(picture, vertical.start);
    const i64 inner = q.inner, line = q.width * inner, kernel = q.kernel[1];
    const i64 known = cells(q.pictures, 0) - top - (vertical.end - 1) * line;  // numbers of x from the last tap's row on
    windows([&](i64 column, const Taps right) {
      for (i64 c = 0; c < inner; c += LANES) {
        const i64 at = column * inner + c, from = right.start * inner + c;
        auto find = [&](auto count) INLINE_LAMBDA {
          Best best;
          for (i64 i = vertical.first; i < vertical.end; ++i) {
            const T* x = top + i * line + from;
            for (i64 k = right.first; k < right.end; ++k)
              best.compare(L::load(x + k * inner, count), Tap(i * kernel + k));
          }
          best.store(y + at, winners ? winners + at : nullptr, count);
        };
        if (at + LANES <= room && from + (right.end - 1) * inner + LANES <= known)
          find(std::integral_constant<i64, LANES>());
        else
          find(std::min(LANES, inner - c));
      }
    });
  }

  // Planes: a tap at a time over LANES windows of a row, whose stride is a constant where it is a usual one.
  template <class Stride>
  void plane_row(i64 picture, i64 row, T* y, uint8_t* winners, Stride stride) const {
    const Taps vertical = down(row);
    const T* const top = cells(picture, vertical.start);
    const i64 width = q.width, out_width = q.out_width, kernel = q.kernel[1], padding = q.padding[1];
    for (i64 column = 0; column < out_width; column += LANES) {
      const i64 count = std::min(LANES, out_width - column);
      Best best;
      for (i64 i = vertical.first; i < vertical.end; ++i)
        for (i64 k = 0; k < kernel; ++k) {
          const i64 shift = column * stride + k - padding;  // the tap's column in the first window
          const i64 begin = shift < 0 ? (-shift + stride - 1) / stride : 0;
          const i64 end = std::min(count, (width - 1 - shift + stride) / stride);
          const T* from = top + i * width + shift;
          const Tap tap = Tap(i * kernel + k);
          T run[LANES] = {};
          if (begin == 0 && end == LANES) {
            for (i64 lane = 0; lane < LANES; ++lane) run[lane] = from[lane * stride];
            best.compare(L::load(run, LANES), tap);
            continue;
          }
          for (i64 lane = begin; lane < end; ++lane) run[lane] = from[lane * stride];
          const Best before = best;
          best.compare(L::load(run, LANES), tap);
          for (i64 lane = 0; lane < LANES; ++lane)
            if (lane < begin || lane >= end) best.value[lane] = before.value[lane], best.tap[lane] = before.tap[lane];
        }
      best.store(y + column, winners ? winners + column : nullptr, count);
    }
  }

  void forward() const {
    const i64 rows = q.pictures * q.out_height, width = q.out_width * q.inner;
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 part = 0; part < q.threads; ++part) {
      const i64 end = rows * (part + 1) / q.threads;
      for (i64 job = rows * part / q.threads; job < end; ++job) {
        const i64 picture = job / q.out_height, row = job % q.out_height;
        T* y = (T*)q.y + job * width;
        uint8_t* winners = q.winners ? q.winners + job * width : nullptr;
        if (q.inner > 1)
          cells_of_row(picture, row, (end - job) * width, y, winners);
        else if (q.stride[1] == 2)
          plane_row(picture, row, y, winners, std::integral_constant<i64, 2>());
        else if (q.stride[1] == 1)
          plane_row(picture, row, y, winners, std::integral_constant<i64, 1>());
        else
          plane_row(picture, row, y, winners, q.stride[1]);
      }
    }
  }

  // g goes to the winner, nothing to the other cells of its window. Where windows do not overlap, each cell is written
  // once; where nothing lies between them either, the next cell writes over what is written beyond a run's end.
  void windows_apart(i64 picture, i64 row, const T* g, const uint8_t* winners) const {
    const Taps vertical = down(row);
    const i64 inner = q.inner, kernel = q.kernel[1];
    const bool side_by_side = q.stride[1] == kernel && inner < LANES;
    const bool covered = q.stride[0] == q.kernel[0] && q.out_width * q.stride[1] - q.padding[1] >= q.width;
    const i64 room = (covered ? q.out_height - row : 1) * q.out_width * inner;  // numbers of g, from this row's first on
    for (i64 i = vertical.first; i < vertical.end; ++i) {
      T* const to = cells(picture, vertical.start + i);
      const i64 known = covered ? cells(picture + 1, 0) - to : q.width * inner;
      const Tap above = Tap(i * kernel);
      if (inner == 1) {
        windows([&](i64 column, const Taps right) {
          const Tap winner = winners[column] - above;
          const T given = g[column];
          for (i64 k = right.first; k < right.end; ++k) to[right.start + k] = winner == k ? given : T(0);
        });
        continue;
      }
      windows([&](i64 column, const Taps right) {
        for (i64 c = 0; c < inner; c += LANES) {
          const i64 at = column * inner + c, cell = right.start * inner + c;
          auto give = [&](auto count) INLINE_LAMBDA {
            const Numbers given = L::load(g + at, count);
            const Lane winner = load_taps(winners + at, count);
            for (i64 k = right.first; k < right.end; ++k)
              L::store(winner == above + Tap(k) ? given : Numbers{}, to + cell + k * inner, count);
          };
          // a longer run's last lanes would fall on what is written already
          const bool writes_on = side_by_side && at + LANES <= room && cell + (right.end - 1) * inner + LANES <= known;
          if (c + LANES <= inner || writes_on)
            give(std::integral_constant<i64, LANES>());
          else
            give(std::min(LANES, inner - c));
        }
      });
    }
  }

  void windows_that_overlap(i64 picture, i64 row, const T* g, const uint8_t* winners) const {
    const Taps vertical = down(row);
    const i64 inner = q.inner, kernel = q.kernel[1];
    for (i64 i = vertical.first; i < vertical.end; ++i) {
      T* const line = cells(picture, vertical.start + i);
      windows([&](i64 column, const Taps right) {
        for (i64 k = right.first; k < right.end; ++k) {
          T* to = line + (right.start + k) * inner;
          for (i64 c = 0; c < inner; c += LANES) {
            const i64 at = column * inner + c, count = std::min(LANES, inner - c);
            const auto won = load_taps(winners + at, count) == Tap(i * kernel + k);
            L::store(L::load(to + c, count) + (won ? L::load(g + at, count) : Numbers{}), to + c, count);
          }
        }
      });
    }
  }

  // No two pictures share a cell. What no window reads stays as it is: zero.
  void backward() const {
    const bool apart = q.stride[0] >= q.kernel[0] && q.stride[1] >= q.kernel[1];
#pragma omp parallel for num_threads(int(q.threads)) if (q.threads > 1) schedule(static)
    for (i64 picture = 0; picture < q.pictures; ++picture)
      for (i64 row = 0; row < q.out_height; ++row) {
        const i64 at = (picture * q.out_height + row) * q.out_width * q.inner;
        const T* g = (const T*)q.y + at;
        apart ? windows_apart(picture, row, g, q.winners + at) : windows_that_overlap(picture, row, g, q.winners + at);
      }
  }
};

}  // namespace

EXPORT void gatefield_max_pooling(const MaxPooling* q, int backward) {
  auto run = [&](auto pooling) { backward ? pooling.backward() : pooling.forward(); };
  if (q->kind == FLOAT32)
    run(Pooling<float>{*q});
  else if (q->kind == FLOAT64)
    run(Pooling<double>{*q});
  else
    run(Pooling<Bfloat16>{*q});
}
