"""Merge values of a program that one instruction can make together, so that fewer pass through memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from .values import Value, base, reached


def fuse(roots: list[Value]) -> list[Value]:
    """The same values made by fewer instructions. A value that is read only once may vanish into its reader."""
    count = 0
    while count != (count := len(reached(roots))):  # what vanishes may leave other values with a single reader
        roots = _fused_once(roots)
    return roots


def _fused_once(roots: list[Value]) -> list[Value]:
    uses = Counter(id(arg) for value in reached(roots) for arg in value.args)
    uses.update(id(root) for root in roots)
    fused: dict[int, Value] = {}
    single: set[int] = set()
    alive: list[Value] = []  # an id is only good while its owner lives

    def is_single(value: Value) -> bool:
        return id(value) in single

    for value in reached(roots):
        args = tuple(_narrow(value, fused[id(arg)]) for arg in value.args)
        new = Value(value.op, args, value.width, value.number, value.key)
        merged: Value | None = new
        while merged is not None:
            new = merged
            merged = next((m for rule in RULES.get(new.op, ()) if (m := rule(new, is_single))), None)
        fused[id(value)] = new
        alive.append(new)
        if uses[id(value)] == 1:
            single.add(id(new))
    return [fused[id(root)] for root in roots]


Rule = Callable[[Value, Callable[[Value], bool]], Value | None]


def _narrow(reader: Value, arg: Value) -> Value:
    """An element-wise instruction repeats a single number by itself."""
    spread = arg.op == "COPY" and arg.args[0].width == 1 and arg.width > 1
    return arg.args[0] if spread and reader.op not in _WHOLE else arg


_WHOLE = {
    "PRODUCT", "CONVOLUTION", "ROW_SUM", "ROW_DOT", "ROW_SQUARES", "ROW_MAXIMUM", "NORMAL_GRADIENT",
    "CAT", "SLICE", "COPY",
}  # fmt: skip


def _onto_product(value: Value, single: Callable[[Value], bool]) -> Value | None:
    """v + rows @ W: the product starts from v. Where both are products, the one of the input comes first."""
    pairs = [value.args, value.args[::-1]]
    pairs.sort(key=lambda pair: _is_of_input(pair[0]))
    for product, start in pairs:
        fits = product.op in _STARTING and len(product.args) == 1 and single(product)
        if fits and start.width == value.width and base(start).op != "FILL":
            return Value(product.op, (*product.args, start), value.width, product.number, product.key)
    return None


_STARTING = ("PRODUCT", "CONVOLUTION")
"""Operations that can start from another value than zeros."""


def _is_of_input(value: Value) -> bool:
    return value.op in _STARTING and value.args[0].op == "INPUT" and value.args[0].key.kind == "stream"


def _absorb(position: int, inner: str, result: str, order: Callable[[Value, Value], tuple[Value, ...]]) -> Rule:
    """A rule: where argument ``position`` is an ``inner`` that nobody else reads, make ``result`` at once."""

    def rule(value: Value, single: Callable[[Value], bool]) -> Value | None:
        part = value.args[position]
        if part.op != inner or not single(part) or part.width != value.width:
            return None
        return Value(result, order(part, value), value.width, value.number)

    return rule


def _mul_by_rest(position: int) -> Rule:
    def rule(value: Value, single: Callable[[Value], bool]) -> Value | None:
        part = value.args[position]
        if part.op != "RSUBI" or part.number != 1 or not single(part):
            return None
        return Value("MUL_BY_REST", (value.args[1 - position], part.args[0]), value.width)

    return rule


RULES: dict[str, list[Rule]] = {
    "ADD": [
        _onto_product,
        _absorb(0, "MUL", "MUL_ADD", lambda p, v: (*p.args, v.args[1])),
        _absorb(1, "MUL", "MUL_ADD", lambda p, v: (*p.args, v.args[0])),
        _absorb(0, "ADD", "ADD_ADD", lambda p, v: (*p.args, v.args[1])),
        _absorb(1, "ADD", "ADD_ADD", lambda p, v: (*p.args, v.args[0])),
    ],
    "SUB": [
        _absorb(0, "MUL", "MUL_SUB", lambda p, v: (*p.args, v.args[1])),
        _absorb(1, "MUL", "SUB_MUL", lambda p, v: (*p.args, v.args[0])),
    ],
    "MUL": [
        _mul_by_rest(0),
        _mul_by_rest(1),
        _absorb(0, "SUB", "SUB_THEN_MUL", lambda p, v: (*p.args, v.args[1])),
        _absorb(1, "SUB", "SUB_THEN_MUL", lambda p, v: (*p.args, v.args[0])),
    ],
    "SIGMOID": [
        _absorb(0, "ADD", "SIGMOID_OF_SUM", lambda p, v: p.args),
        _absorb(0, "MUL_ADD", "SIGMOID_OF_MUL_ADD", lambda p, v: p.args),
    ],
    "TANH": [
        _absorb(0, "ADD", "TANH_OF_SUM", lambda p, v: p.args),
        _absorb(0, "MUL_ADD", "TANH_OF_MUL_ADD", lambda p, v: p.args),
    ],
    "SIGMOID_GRADIENT": [
        _absorb(0, "MUL", "SIGMOID_GRADIENT_OF_PRODUCT", lambda p, v: (*p.args, v.args[1])),
    ],
    "TANH_GRADIENT": [
        _absorb(0, "MUL", "TANH_GRADIENT_OF_PRODUCT", lambda p, v: (*p.args, v.args[1])),
    ],
    "ROW_SUM": [lambda v, single: _row_dot(v, single)],
    "ROW_DOT": [lambda v, single: _row_squares(v)],
    "RSQRT": [lambda v, single: _rsqrt_of_sum(v, single)],
    "SUB_THEN_MUL": [lambda v, single: _normal_gradient(v)],
    "SUM": [lambda v, single: _sum_of_product(v, single)],
}
"""Operation -> rules; the first that fits is applied, then those of the operation that it has made."""


def _row_dot(value: Value, single: Callable[[Value], bool]) -> Value | None:
    (part,) = value.args
    if part.op != "MUL" or not single(part) or any(arg.width != part.width for arg in part.args):
        return None
    return Value("ROW_DOT", part.args, 1, value.number)


def _row_squares(value: Value) -> Value | None:
    """Sum of (a - b)^2 with one number b a row; nobody else may need the difference then."""
    part, other = value.args
    if part is not other or part.op != "SUB" or part.args[0].width != part.width or part.args[1].width != 1:
        return None
    return Value("ROW_SQUARES", part.args, 1, value.number)


def _rsqrt_of_sum(value: Value, single: Callable[[Value], bool]) -> Value | None:
    (part,) = value.args
    if part.op != "ADDI" or not single(part) or value.number:
        return None
    return Value("RSQRT", part.args, value.width, part.number)


def _normal_gradient(value: Value) -> Value | None:
    """(g - y mean(g y) - mean(g)) c: what layer normalization y = (x - mean) c makes of the gradient g of y."""
    rest, mean, c = value.args
    if rest.op != "SUB_MUL" or mean.op != "ROW_SUM" or c.width != 1:
        return None
    y, along, g = rest.args
    means = along.op == "ROW_DOT" and along.number == mean.number == 1 / value.width
    same = {id(arg) for arg in along.args} == {id(g), id(y)} and mean.args[0] is g
    if not (means and same and g.width == y.width == value.width):
        return None
    return Value("NORMAL_GRADIENT", (g, y, c), value.width)


def _sum_of_product(value: Value, single: Callable[[Value], bool]) -> Value | None:
    (part,) = value.args
    return Value("SUM_OF_PRODUCT", part.args, value.width, 0, value.key) if part.op == "MUL" and single(part) else None
