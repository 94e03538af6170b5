// What every file of this library takes from C and OpenMP, and how Python sees its functions.
#pragma once

#include <cstdint>
#include <new>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num() { return 0; }
#endif

#ifdef _WIN32
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

using i64 = int64_t;

enum Result { DONE, FOUND_NAN, NO_MEMORY };

}  // namespace
