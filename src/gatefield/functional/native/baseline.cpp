// The kernel for any processor.
#include "count_anywhere.h"
#include "sign_convolution.h"
#include "deformable_sampling.h"
#include "max_pooling.h"
#include "few_channels.h"
