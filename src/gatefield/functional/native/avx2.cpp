// The kernel for x86-64-v3: AVX2.
#include "count_avx2.h"
#include "sign_convolution.h"
#include "deformable_sampling.h"
#include "max_pooling.h"
#include "few_channels.h"
