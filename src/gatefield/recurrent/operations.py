"""Which tensor operations a native program has, and what its instructions for them are called."""

from __future__ import annotations

import operator

from .graphs import aten
from .native import rounded_matmul

MATRIX_PRODUCTS = {aten.mm.default, rounded_matmul}

UNARY = {
    aten.neg.default: "NEG",
    aten.abs.default: "ABS",
    aten.sign.default: "SIGN",
    aten.sgn.default: "SIGN",
    aten.sigmoid.default: "SIGMOID",
    aten.tanh.default: "TANH",
    aten.exp.default: "EXP",
    aten.log.default: "LOG",
    aten.log1p.default: "LOG1P",
    aten.expm1.default: "EXPM1",
    aten.erf.default: "ERF",
    aten.sin.default: "SIN",
    aten.cos.default: "COS",
    aten.sqrt.default: "SQRT",
    aten.rsqrt.default: "RSQRT",
    aten.reciprocal.default: "RECIPROCAL",
    aten.relu.default: "RELU",
}
BINARY = {
    aten.add.Tensor: "ADD",
    aten.sub.Tensor: "SUB",
    aten.mul.Tensor: "MUL",
    aten.div.Tensor: "DIV",
    aten.maximum.default: "MAXIMUM",
    aten.minimum.default: "MINIMUM",
    aten.gt.Tensor: "GT",
    aten.lt.Tensor: "LT",
    aten.ge.Tensor: "GE",
    aten.le.Tensor: "LE",
    aten.eq.Tensor: "EQ",
    aten.ne.Tensor: "NE",
    aten.sigmoid_backward.default: "SIGMOID_GRADIENT",
    aten.tanh_backward.default: "TANH_GRADIENT",
    aten.logical_and.default: "MUL",  # of zeros and ones
    aten.bitwise_and.Tensor: "MUL",
    aten.logical_or.default: "MAXIMUM",
    aten.bitwise_or.Tensor: "MAXIMUM",
}
WITH_NUMBER = {
    aten.add.Scalar: "ADDI",
    aten.mul.Scalar: "MULI",
    aten.gt.Scalar: "GTI",
    aten.lt.Scalar: "LTI",
    aten.ge.Scalar: "GEI",
    aten.le.Scalar: "LEI",
    aten.eq.Scalar: "EQI",
    aten.ne.Scalar: "NEI",
    aten.pow.Tensor_Scalar: "POWI",
    aten.clamp_min.default: "CLAMP_LOW",
    aten.clamp_max.default: "CLAMP_HIGH",
}
"""Operations on a tensor and a number that need no rewriting."""
CONSTANTS = {
    aten.zeros_like.default: 0.0,
    aten.ones_like.default: 1.0,
    aten.zeros.default: 0.0,
    aten.ones.default: 1.0,
    aten.new_zeros.default: 0.0,
    aten.new_ones.default: 1.0,
    aten.full_like.default: None,
    aten.full.default: None,
    aten.new_full.default: None,
    aten.scalar_tensor.default: None,
    aten.fill.Scalar: None,
    aten.empty_like.default: 0.0,
}
"""Operations that make a constant: its value, or None where it is an argument."""
RESHAPING = {
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.unsqueeze.default,
    aten.squeeze.dim,
    aten.squeeze.default,
    aten._to_copy.default,
}
LOGICAL_NOT = {aten.logical_not.default, aten.bitwise_not.default}
SLICES = {aten.slice.Tensor, aten.select.int, aten.split.Tensor, aten.split_with_sizes.default, operator.getitem}
ELEMENTWISE = {
    *UNARY,
    *BINARY,
    *WITH_NUMBER,
    *LOGICAL_NOT,
    aten.rsub.Scalar,
    aten.rsub.Tensor,
    aten.sub.Scalar,
    aten.div.Scalar,
    aten.threshold_backward.default,
    aten.where.self,
    aten.masked_fill.Scalar,
    aten.clamp.default,
}
ROW_WISE = {aten.sum.dim_IntList, aten.mean.dim, aten.amax.default}
PLACING = {aten.cat.default, aten.slice_backward.default, aten.select_backward.default, aten.expand.default}
CONVOLUTIONS = {aten.convolution.default, aten.convolution_backward.default}
PRODUCTS = {*CONVOLUTIONS, *MATRIX_PRODUCTS, aten.t.default}
LOWERED = {*PRODUCTS, *ELEMENTWISE, *ROW_WISE, *RESHAPING, *SLICES, *PLACING, *CONSTANTS}
