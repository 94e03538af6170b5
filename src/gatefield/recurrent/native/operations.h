// Every element-wise operation: name and meaning. x, y, z are operands, s is the instruction's number.
// Python asks the library for this list (gatefield_operations), so that names and codes cannot come apart.
#pragma once

#define UNARY_OPERATIONS(OP)                                                                                     \
  OP(COPY, x) OP(NEG, -x) OP(ABS, x < 0 ? -x : x) OP(SIGN, x > 0 ? 1 : x < 0 ? -1 : 0)                           \
  OP(ADDI, x + s) OP(MULI, x * s) OP(RSUBI, s - x) OP(POWI, std::pow(x, s))                                      \
  OP(SIGMOID, sigmoid_of(x)) OP(TANH, tanh_of(x)) OP(EXP, exp_of(x))                                      \
  OP(LOG, std::log(x)) OP(LOG1P, std::log1p(x)) OP(EXPM1, std::expm1(x)) OP(ERF, std::erf(x))                    \
  OP(SIN, std::sin(x)) OP(COS, std::cos(x))                                                                      \
  OP(SQRT, std::sqrt(x)) OP(RSQRT, 1 / std::sqrt(x + s)) OP(RECIPROCAL, 1 / x)                                       \
  OP(RELU, x < 0 ? 0 : x) OP(CLAMP_LOW, x < s ? s : x) OP(CLAMP_HIGH, x > s ? s : x)                             \
  OP(GTI, x > s ? 1 : 0) OP(LTI, x < s ? 1 : 0) OP(GEI, x >= s ? 1 : 0) OP(LEI, x <= s ? 1 : 0)                  \
  OP(EQI, x == s ? 1 : 0) OP(NEI, x != s ? 1 : 0)

#define BINARY_OPERATIONS(OP)                                                                                    \
  OP(ADD, x + y) OP(SUB, x - y) OP(MUL, x * y) OP(DIV, x / y)                                                    \
  OP(MAXIMUM, x > y || x != x ? x : y) OP(MINIMUM, x < y || x != x ? x : y)                                      \
  OP(GT, x > y ? 1 : 0) OP(LT, x < y ? 1 : 0) OP(GE, x >= y ? 1 : 0) OP(LE, x <= y ? 1 : 0)                      \
  OP(EQ, x == y ? 1 : 0) OP(NE, x != y ? 1 : 0)                                                                  \
  OP(SIGMOID_GRADIENT, x * y * (1 - y)) OP(TANH_GRADIENT, x * (1 - y * y)) OP(RELU_GRADIENT, y <= s ? 0 : x)     \
  OP(SIGMOID_OF_SUM, sigmoid_of(x + y)) OP(TANH_OF_SUM, tanh_of(x + y))                                 \
  OP(MUL_BY_REST, x * (1 - y))

#define TERNARY_OPERATIONS(OP)                                                                                   \
  OP(WHERE, x != 0 ? y : z)                                                                                      \
  OP(ADD_ADD, x + y + z) OP(MUL_ADD, x * y + z) OP(MUL_SUB, x * y - z) OP(SUB_MUL, z - x * y) OP(SUB_THEN_MUL, (x - y) * z)              \
  OP(SIGMOID_GRADIENT_OF_PRODUCT, x * y * (z * (1 - z))) OP(TANH_GRADIENT_OF_PRODUCT, x * y * (1 - z * z))        \
  OP(TANH_OF_MUL_ADD, tanh_of(x * y + z)) OP(SIGMOID_OF_MUL_ADD, sigmoid_of(x * y + z))
