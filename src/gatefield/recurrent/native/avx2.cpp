// The kernel for x86-64-v3: AVX2 and FMA.
#define VECTOR_BYTES 32
#include "program.h"
