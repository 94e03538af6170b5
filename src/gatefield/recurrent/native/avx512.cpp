// The kernel for x86-64-v4: AVX-512.
#define VECTOR_BYTES 64
#include "program.h"
