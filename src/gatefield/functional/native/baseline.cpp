// The kernel for any processor.
#include "count_anywhere.h"
#include "sign_convolution.h"
#include "deformable_sampling.h"
#include "max_pooling.h"
