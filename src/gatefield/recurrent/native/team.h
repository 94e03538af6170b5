// Threads that share a product's columns, where there are too few rows for each thread to have its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

// The first thread leads: it runs the program, and `share`s what is large. The others `follow`. A part whose thread is
// late, because something else runs on its processor, is done by the leader.
class Team {
  using i64 = int64_t;
  struct alignas(64) Part {
    std::atomic<i64> taken{0}, done{0};  // the latest job
  };
  std::vector<Part> parts;
  std::atomic<i64> job{0};
  std::atomic<bool> over{false};
  void (*call)(const void*, i64, i64);
  const void* work;
  i64 count;
  int size = 1;

  bool take(int k, i64 number) {
    i64 before = number - 1;
    return parts[k].taken.compare_exchange_strong(before, number, std::memory_order_acq_rel);
  }

  void run(int k, i64 number) {
    i64 from = count * k / size, to = count * (k + 1) / size;
    if (from < to) call(work, from, to);
    parts[k].done.store(number, std::memory_order_release);
  }

  // Waits until `ready`, at first without giving the processor away: what is waited for takes microseconds.
  template <class Ready>
  static void wait(const Ready& ready) {
    for (int spins = 0; !ready(); spins++) {
      if (spins > 1 << 12) std::this_thread::yield();
#if defined(__x86_64__)
      else __builtin_ia32_pause();
#endif
    }
  }

 public:
  explicit Team(int largest) : parts(largest) {}

  void gather(int threads) { size = threads; }

  // work(from, to) for ranges that make up 0 to `number_of_pieces`.
  template <class Work>
  void share(i64 number_of_pieces, const Work& w) {
    call = [](const void* it, i64 from, i64 to) { (*(const Work*)it)(from, to); };
    work = &w;
    count = number_of_pieces;
    i64 number = job.load(std::memory_order_relaxed) + 1;
    job.store(number, std::memory_order_release);
    for (int k = 0; k < size; k++)
      if (take(k, number)) run(k, number);
    for (int k = 0; k < size; k++) wait([&] { return parts[k].done.load(std::memory_order_acquire) == number; });
  }

  void follow(int k) {
    for (i64 seen = 0;;) {
      i64 number;
      wait([&] { return (number = job.load(std::memory_order_acquire)) != seen || over.load(std::memory_order_acquire); });
      if (number == seen) return;
      seen = number;
      if (take(k, number)) run(k, number);
    }
  }

  void dismiss() { over.store(true, std::memory_order_release); }
};
