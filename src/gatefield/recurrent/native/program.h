// Runs a program, the instructions of one step, over a whole sequence. A plain C interface: no Python, no torch.
//
// Each thread owns some rows of the batch and runs all steps for them, so that nobody waits for anybody. Products take
// all rows of the thread at once; the instructions between two products run over tiles of a few rows, whose
// intermediate values stay in the first-level cache. Products with the input alone are computed a few steps ahead.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num() { return 0; }
static int omp_get_num_threads() { return 1; }
#endif

#include "convolution.h"
#include "elementwise.h"
#include "team.h"

namespace {

// Where an operand lies at a step and row. Sizes are in elements.
enum Place { TIME, PACKED, MODULO, TILE };
struct Operand {
  char* base;            // or which of the sequence's addresses it is
  i64 step, row;         // from one step and row to the next
  int32_t column;        // 0: one value stands for the whole row
  int32_t place;         // TIME: step t; PACKED: rows of earlier steps lie before; MODULO: step t % period, a power of two; TILE: private
  int32_t shift, period; // added to t
  i64 offset;
};

struct Instruction {
  int32_t op, n, d, a, b, c;
  double number;
};

enum Operation {
  PRODUCT,        // d = c + a @ packed b; number is the depth
  PRODUCT_AHEAD,  // the same for several steps at once, a being input
  ROUNDED_PRODUCT, ROUNDED_PRODUCT_AHEAD,  // of factors rounded to bfloat16
  SUM,            // totals[number] += sum over rows of a
  SUM_OF_PRODUCT, // totals[number] += sum over rows of a * b
  FILL,           // d = number
  CONVOLUTION,    // d = c + a convolved with packed b; number says in which of the frames
  ROW_SUM,        // d = number * sum over a row of a
  ROW_DOT,        // d = number * sum over a row of a * b
  ROW_SQUARES,    // d = number * sum over a row of (a - b)^2, b one number a row
  ROW_MAXIMUM,    // d = maximum of a row of a
  NORMAL_GRADIENT,  // the gradient of a row made normal: see normal_gradient
#define NAME(name, meaning) name,
  UNARY_OPERATIONS(NAME) BINARY_OPERATIONS(NAME) TERNARY_OPERATIONS(NAME)
#undef NAME
};

const char* const OPERATION_NAMES =
    "PRODUCT PRODUCT_AHEAD ROUNDED_PRODUCT ROUNDED_PRODUCT_AHEAD SUM SUM_OF_PRODUCT FILL CONVOLUTION ROW_SUM ROW_DOT "
    "ROW_SQUARES ROW_MAXIMUM NORMAL_GRADIENT "
#define NAME(name, meaning) #name " "
    UNARY_OPERATIONS(NAME) BINARY_OPERATIONS(NAME) TERNARY_OPERATIONS(NAME)
#undef NAME
    ;

// What products and convolutions multiply by; it is packed before the first step.
enum Kind { MATRIX, ROUNDED_MATRIX, KERNEL };
struct Weights {
  i64 depth, columns, row, column;  // sizes, and from one entry to the next along each axis
  i64 kind;
};

struct Sequence {
  const Instruction* instructions;  // of a step, for rows that move
  i64 count;
  const Instruction* resting;  // for rows that do not
  i64 resting_count;
  const Operand* operands;
  const i64 *active, *offsets;  // rows that move at each step, and all that moved before
  i64 steps, batch;
  int32_t reverse, ahead, tile_rows, tile_size, threads, team;  // ahead: steps of a PRODUCT_AHEAD
  i64 steps_before;  // that other calls made with the same weights
  void* totals;  // (threads, total_size), zeros
  i64 total_size;
  const Frame* frames;  // of the convolutions
  i64 frame_count, operand_count;
  // Null where operands have their addresses and weights are packed. Otherwise the addresses of all buffers, then those
  // of the packed weights, then those of the weights.
  const i64* addresses;
  i64 buffer_count;
  const Weights* weights;
  i64 weight_count;
};

constexpr i64 LARGE = 1 << 19;  // bytes of weights

template <class T>
struct Worker {
  const Sequence& q;
  i64 first, last;  // rows
  T *tile, *totals;
  T* gathered;  // rows of a product, rounded or brought together
  Team* team;  // null: this thread is alone with its rows
  std::vector<Convolution<T>>& frames;
  std::vector<Rows<T>>& now;  // where every operand lies at this step

  Rows<T> at(const Operand& o, i64 t, i64 row) const {
    T* base = (T*)o.base + o.offset;
    switch (o.place) {
      case TILE: return {tile + o.step * q.tile_rows + o.offset, o.row, o.column};
      case PACKED: return {base + (q.offsets[t] + row) * o.row, o.row, o.column};
      case MODULO: return {base + ((t + o.shift) & (o.period - 1)) * o.step + row * o.row, o.row, o.column};
      default: return {base + (t + o.shift) * o.step + row * o.row, o.row, o.column};
    }
  }

  i64 moving(i64 t) const { return std::max<i64>(0, std::min(last, q.active[t]) - first); }

  static bool is_product(const Instruction& i) { return i.op <= ROUNDED_PRODUCT_AHEAD; }
  // Whether a product has weights that it pays to keep in the caches of several processors.
  static bool is_large(const Instruction& i) { return i.n * i.number * sizeof(T) >= LARGE; }
  static bool is_ahead(const Instruction& i) { return i.op == PRODUCT_AHEAD || i.op == ROUNDED_PRODUCT_AHEAD; }

  // Steps whose rows follow one another in memory are one product: a batch of one row uses its weights eight times.
  // Every other step walks the weights backward. Where they are a little larger than a cache, which gives up what was
  // used longest ago, a walk that always began at the front would find nothing of the one before.
  template <class F>
  void product(const Instruction& i, i64 t0, i64 t1) const {
    using G = Gemm<T, F>;
    i64 depth = G::whole((i64)i.number);
    const F* packed = (const F*)q.operands[i.b].base;
    const Operand &from = q.operands[i.a], &to = q.operands[i.d];
    [[maybe_unused]] bool tiled = G::ROUNDS && tiles::available();
    bool gathers = G::ROUNDS || is_scattered(q, i);
    i64 gathered_rows = 0;
    for (i64 t = t0; gathers && t < t1; t++) {
      Rows<T> a = at(from, t, first);
      for (i64 r = 0; r < moving(t); r++, gathered_rows++)
        G::gather(a.at + r * a.row, (i64)i.number, gathered, gathered_rows, tiled);
    }
    bool backward = ((is_ahead(i) ? t0 / q.ahead : t0) + q.steps_before) % 2;
    auto panels = [&](i64 begin, i64 end) {
      [[maybe_unused]] typename G::Layout layout{};
      for (i64 k = begin; k < end; k++) {
        i64 j = (backward ? begin + end - 1 - k : k) * G::PANEL;
        const F *panel = packed + j * depth / G::PER, *after = panel + (backward ? -1 : 1) * G::PANEL * depth / G::PER;
        for (i64 d = 0; d < depth; d += G::DEPTH) {
          const F* block = panel + d * G::PANEL / G::PER;
          const F* next = d + G::DEPTH < depth ? block + G::DEPTH * G::PANEL / G::PER : after;
          bool from_zero = d == 0 && i.c < 0;
          const Operand& onto = d == 0 && i.c >= 0 ? q.operands[i.c] : to;
          for (i64 t = t0, done = 0; t < t1;) {
            i64 m = moving(t);
            Rows<T> a = at(from, t, first), c = at(to, t, first), start = at(onto, t, first);
            auto goes_on = [&] {
              return (gathers || follows(from, t, a, m)) && follows(to, t, c, m) && follows(onto, t, start, m);
            };
            for (t++; t < t1 && goes_on(); t++) m += moving(t);
            i64 width = std::min<i64>(G::PANEL, i.n - j), deep = std::min<i64>(G::DEPTH, depth - d);
            const T* s = from_zero ? nullptr : start.at + j;
            if (gathers) a.at = gathered + done * depth, a.row = depth;
            done += m;
            if constexpr (G::ROUNDS)
              if (tiled) {
                const uint16_t* factors = (uint16_t*)gathered + (done - m) * depth + d;
                tiles::panel_product(m, width, deep, factors, depth, block, s, start.row, c.at + j, c.row);
                continue;
              }
            G::panel_product(m, width, deep, a.at + d, a.row, 1, block, next, s, start.row, c.at + j, c.row);
          }
        }
      }
    };
    i64 count = (i.n + G::PANEL - 1) / G::PANEL;
    if (team && is_large(i))
      team->share(count, panels);
    else
      panels(0, count);
  }

  void product(const Instruction& i, i64 t0, i64 t1) const {
    if constexpr (std::is_same<T, float>::value)
      if (i.op >= ROUNDED_PRODUCT) return product<Pair>(i, t0, t1);
    product<T>(i, t0, t1);
  }

  // Whether an input's rows lie apart, those of a step in different sequences: they are read once, and in order.
  static bool is_scattered(const Sequence& q, const Instruction& i) {
    return is_ahead(i) && q.operands[i.a].row > (i64)i.number;
  }

  // Numbers in the rows of the largest product whose rows are gathered, at most `rows` of them a step, and in those that a
  // tile takes in behind the last.
  static i64 gathered_size(const Sequence& q, i64 rows) {
    i64 size = 0;
    for (const Instruction* i = q.instructions; i < q.instructions + q.count; i++)
      if (i->op == ROUNDED_PRODUCT || i->op == ROUNDED_PRODUCT_AHEAD || is_scattered(q, *i))
        size = std::max(size, (rows * (is_ahead(*i) ? q.ahead : 1) + tiles::ROWS) * Gemm<float, Pair>::whole((i64)i->number));
    return size;
  }

  bool follows(const Operand& o, i64 t, const Rows<T>& rows, i64 m) const {
    return at(o, t, first).at == rows.at + m * rows.row;
  }

  Rows<T> here(int operand, i64 row) const {
    Rows<T> rows = now[operand];
    if (q.operands[operand].place != TILE) rows.at += row * rows.row;
    return rows;
  }

  void elementwise(const Instruction& i, i64 row, int rows) const {
    int n = i.n;
    T s = (T)i.number;
    Rows<T> d = i.d < 0 ? Rows<T>{} : here(i.d, row);
    Rows<T> a = i.a < 0 ? d : here(i.a, row);
    Rows<T> b = i.b < 0 ? a : here(i.b, row);
    Rows<T> c = i.c < 0 ? a : here(i.c, row);
    switch (i.op) {
#define OP(name, meaning)                              \
  case name:                                           \
    map_unary(rows, n, d, a, [s](T x) { (void)s; return (T)(meaning); }); \
    break;
      UNARY_OPERATIONS(OP)
#undef OP
#define OP(name, meaning)                                      \
  case name:                                                   \
    map_binary(rows, n, d, a, b, [s](T x, T y) { (void)s; return (T)(meaning); }); \
    break;
      BINARY_OPERATIONS(OP)
#undef OP
#define OP(name, meaning)                                              \
  case name:                                                           \
    map_ternary(rows, n, d, a, b, c, [](T x, T y, T z) { return (T)(meaning); }); \
    break;
      TERNARY_OPERATIONS(OP)
#undef OP
      case SUM: accumulate(rows, n, totals + (i64)i.number, a, a, [](T x, T) { return x; }); break;
      case SUM_OF_PRODUCT: accumulate(rows, n, totals + (i64)i.number, a, b, [](T x, T y) { return x * y; }); break;
      case FILL:
        for (int r = 0; r < rows; r++) std::fill(d.at + r * d.row, d.at + r * d.row + n, s);
        break;
      case ROW_SUM: reduce_rows(rows, n, d, a, a, s, [](auto x, auto) { return x; }); break;
      case ROW_DOT: reduce_rows(rows, n, d, a, b, s, [](auto x, auto y) { return x * y; }); break;
      case ROW_SQUARES: sum_squares(rows, n, d, a, b, s); break;
      case NORMAL_GRADIENT: normal_gradient(rows, n, d, a, b, c); break;
      case CONVOLUTION:
        for (int r = 0; r < rows; r++)
          frames[(i64)i.number].run(a.at + r * a.row, b.at, i.c < 0 ? nullptr : c.at + r * c.row, d.at + r * d.row);
        break;
      case ROW_MAXIMUM:
        for (int r = 0; r < rows; r++) {
          const T* A = a.at + r * a.row;
          T m = A[0];
          for (int j = 1; j < n; j++) m = m > A[j] || m != m ? m : A[j];
          d.at[r * d.row] = m;
        }
        break;
    }
  }

  void step(i64 t) const {
    i64 end = first + moving(t);
    const Instruction* stop = q.instructions + q.count;
    for (size_t k = 0; k < now.size(); k++) now[k] = at(q.operands[k], t, 0);
    for (const Instruction* i = q.instructions; i < stop;) {
      if (is_product(*i)) {
        if (!is_ahead(*i)) product(*i, t, t + 1);
        i++;
        continue;
      }
      const Instruction* next = i;
      while (next < stop && !is_product(*next)) next++;
      for (i64 row = first; row < end; row += q.tile_rows)
        for (const Instruction* k = i; k < next; k++) elementwise(*k, row, std::min<i64>(q.tile_rows, end - row));
      i = next;
    }
    if (end < last)
      for (i64 k = 0; k < q.resting_count; k++) elementwise(q.resting[k], end, last - end);
  }

  void run() const {
    for (i64 s = 0; s < q.steps; s++) {
      if (s % q.ahead == 0 && !q.reverse)
        for (i64 k = 0; k < q.count; k++)
          if (is_ahead(q.instructions[k])) product(q.instructions[k], s, std::min(q.steps, s + q.ahead));
      step(q.reverse ? q.steps - 1 - s : s);
    }
  }
};

// Bounds of each thread's rows, so that all have about as many moving rows over the sequence.
void share_rows(const Sequence& q, int threads, i64* bounds) {
  i64 total = 0;
  for (i64 t = 0; t < q.steps; t++) total += q.active[t];
  bounds[0] = 0;
  i64 row = 0, done = 0, t = q.steps;
  for (int k = 1; k <= threads; k++) {
    while (row < q.batch && (k == threads || done * threads < total * k)) {
      while (t > 0 && q.active[t - 1] <= row) t--;  // rows are sorted: later ones end earlier
      done += t;
      row++;
    }
    bounds[k] = row;
  }
}

template <class T>
void pack(const Weights& w, const void* weights, void* packed) {
  if (w.kind == KERNEL) return Gemm<T>::pack_rows((const T*)weights, w.columns, w.depth, w.column, w.row, (T*)packed);
  if constexpr (std::is_same<T, float>::value)
    if (w.kind == ROUNDED_MATRIX)
      return Gemm<T, Pair>::pack((const T*)weights, w.depth, w.columns, w.row, w.column, (Pair*)packed);
  Gemm<T>::pack((const T*)weights, w.depth, w.columns, w.row, w.column, (T*)packed);
}

template <class T>
void run_rows(const Sequence& q, int k, i64 first, i64 last, Team* team) {
  i64 tile = (std::max(1, q.tile_size) * (i64)q.tile_rows + 15) / 16 * 16;
  size_t size = (tile + Worker<T>::gathered_size(q, last - first)) * sizeof(T);
  T* memory = (T*)aligned_alloc(64, (size + 127) / 64 * 64);
  std::vector<Convolution<T>> frames(q.frames, q.frames + q.frame_count);
  std::vector<Rows<T>> now(q.operand_count);
  Worker<T>{q, first, last, memory, (T*)q.totals + k * q.total_size, memory + tile, team, frames, now}.run();
  free(memory);
}

// A team for few rows and large weights.
template <class T>
void run_together(const Sequence& q) {
  Team team(q.team);
#pragma omp parallel num_threads(q.team)
  {
#pragma omp single
    team.gather(omp_get_num_threads());
    if (int k = omp_get_thread_num()) {
      team.follow(k);
    } else {
      run_rows<T>(q, 0, 0, q.batch, &team);
      team.dismiss();
    }
  }
}

template <class T>
void run_bound(const Sequence& q) {
  i64 bounds[257];
  int threads = std::min(q.threads, 256);
  auto large = [](const Instruction& i) { return Worker<T>::is_product(i) && Worker<T>::is_large(i); };
  if (threads == 1 && q.team > 1 && std::any_of(q.instructions, q.instructions + q.count, large)) return run_together<T>(q);
  share_rows(q, threads, bounds);
#pragma omp parallel num_threads(threads) if (threads > 1)
  for (int k = omp_get_thread_num(); k < threads; k += omp_get_num_threads())
    if (bounds[k] < bounds[k + 1]) run_rows<T>(q, k, bounds[k], bounds[k + 1], nullptr);
}

template <class T>
void run(const Sequence& given) {
  if (!given.addresses) return run_bound<T>(given);
  Sequence q = given;
  Operand* operands = (Operand*)malloc(q.operand_count * sizeof(Operand));
  for (i64 k = 0; k < q.operand_count; k++) {
    operands[k] = q.operands[k];
    operands[k].base = (char*)q.addresses[(i64)q.operands[k].base];
  }
  q.operands = operands;
  const i64 *packed = q.addresses + q.buffer_count, *weights = packed + q.weight_count;
  for (i64 k = 0; k < q.weight_count; k++) pack<T>(q.weights[k], (const void*)weights[k], (void*)packed[k]);
  run_bound<T>(q);
  free(operands);
}

}  // namespace

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

EXPORT const char* gatefield_operations() { return OPERATION_NAMES; }

// The best instruction set of this processor: 0 baseline, 1 AVX2 with FMA, 2 AVX-512.
EXPORT int gatefield_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
    return 2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return 1;
#endif
  return 0;
}

// Whether products of bfloat16 are made by tiles.
EXPORT int gatefield_tiles() { return tiles::available(); }

#define RUN(suffix, T)                                                                                                \
  EXPORT void gatefield_run_##suffix(const Sequence* q) { run<T>(*q); }                                               \
  EXPORT i64 gatefield_packed_kernel_size_##suffix(i64 outputs, i64 depth) {                                          \
    return Convolution<T>::packed_size(outputs, depth);                                                               \
  }                                                                                                                   \
  EXPORT void gatefield_pack_kernel_##suffix(const T* W, i64 outputs, i64 depth, T* out) {                            \
    Gemm<T>::pack_rows(W, outputs, depth, depth, 1, out);                                                             \
  }
RUN(float32, float)
RUN(float64, double)

// T: the numbers; F: the factors that they become, see gemm.h.
#define PACKING(suffix, T, F)                                                                                         \
  EXPORT i64 gatefield_packed_size_##suffix(i64 depth, i64 columns) { return Gemm<T, F>::packed_size(depth, columns); }\
  EXPORT void gatefield_pack_##suffix(const T* W, i64 depth, i64 columns, i64 row, i64 column, F* out) {              \
    Gemm<T, F>::pack(W, depth, columns, row, column, out);                                                            \
  }
PACKING(float32, float, float)
PACKING(float64, double, double)
PACKING(bfloat16, float, Pair)

EXPORT void gatefield_rounded_matmul(i64 m, i64 n, i64 k, const float* A, i64 ra, i64 ca, const float* B, i64 rb, i64 cb,
                                     float* C, i64 ldc, int threads) {
  Gemm<float, Pair>::matmul(m, n, k, A, ra, ca, B, rb, cb, C, ldc, threads);
}
