// The kernel for any processor.
#define VECTOR_BYTES 16
#include "program.h"
