// The kernel for x86-64-v4 and VPOPCNTDQ: AVX-512 that counts bits.
#include "count_avx512.h"
#include "sign_convolution.h"
#include "deformable_sampling.h"
#include "max_pooling.h"
#include "few_channels.h"
