"""What decoding sees of a model: one step, and a state whose hypotheses can be put in another order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from ..core.errors import ArgumentError, DivergenceError

TOLERANCE = 1e-3
"""How far above 0 rounding may lift a log-probability."""


class Stepper(Protocol):
    """Anything that says how probable each next symbol is (catalogue 181).

    Rows are laid out (sentences n, hypotheses w); every tensor of a state begins with the dimension n. What is per
    sentence, as the memory of an encoder, is never repeated for the hypotheses.

    A stepper whose probabilities come of a softmax may have ``scores(tokens, state)`` too: what `step` answers before
    the softmax, in memory of its own. A beam then leaves out to write what it does not look at (`Lookahead`).
    """

    @property
    def start(self) -> Callable[..., Any]:
        """``start(source) -> state`` with w = 1; what a source is, is the model's own business."""
        ...

    def step(self, tokens: Tensor, state: Any, /) -> tuple[Tensor, Any]:
        """Read ``tokens`` (n, w) int64; returns the log-probabilities (n, w, vocabulary) of what follows, and the
        state."""
        ...

    def reorder(self, state: Any, sentences: Tensor, hypotheses: Tensor, /) -> Any:
        """The state of the sentences ``sentences`` (m,) and, in each, of the hypotheses ``hypotheses`` (m, w').

        Sentences come in rising order and each once: if m = n, they are all there, and what is per sentence can be
        kept as it is. Per hypothesis the state is ``t[sentences[:, None], hypotheses]``.
        """
        ...


class AttentiveStepper(Stepper, Protocol):
    """A stepper that looks back at a source, and tells where."""

    def attention(self, state: Any, /) -> tuple[Tensor, Tensor]:
        """The attention weights of the last step (n, w, source), and which positions are no padding, (n, source)."""
        ...


def sentence_count(state: Any) -> tuple[int, torch.device]:
    """How many sentences ``state`` holds, and on which device: the first dimension of its tensors.

    Raises:
        ArgumentError: it holds no tensor, or tensors that differ in their first dimension.
    """
    found = list(_tensors(state))
    counts = {len(tensor) for tensor in found if tensor.ndim}
    if len(counts) != 1:
        what = "no tensor" if not counts else f"tensors of {', '.join(map(str, sorted(counts)))} sentences"
        hint = (
            "give 'begin' as a tensor with one symbol a sentence, or lay the state out as (sentences, hypotheses, ...)"
        )
        raise ArgumentError(f"cannot tell how many sentences there are: the state holds {what}", hint=hint)
    return counts.pop(), found[0].device


def accumulator(device: torch.device) -> torch.dtype:
    """The type in which log-probabilities are summed: float64, where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def advance(
    step_of: Callable[[Tensor, Any], tuple[Tensor, Any]], tokens: Tensor, state: Any, step: int
) -> tuple[Tensor, Any]:
    """One step of a stepper, given its ``step`` or ``scores``; the answer has the right shape.

    Raises:
        ArgumentError: the model has no symbol for a token it is to read, or its answer is not (n, w, vocabulary).
    """
    try:
        log_probabilities, state = step_of(tokens, state)
    except IndexError as error:
        symbols = f"{int(tokens.min())} to {int(tokens.max())}"
        hint = "symbols lie in [0, vocabulary): is 'begin' the symbol that the model was trained with?"
        raise ArgumentError(
            f"the model cannot read the symbols {symbols} at step {step}: {error}", hint=hint
        ) from error
    if log_probabilities.ndim != 3 or log_probabilities.shape[:2] != tokens.shape or not log_probabilities.shape[2]:
        shape, wanted = tuple(log_probabilities.shape), (*tokens.shape, "vocabulary")
        hint = "a step answers with the log-probabilities of every symbol, laid out (sentences, hypotheses, vocabulary)"
        raise ArgumentError(f"step {step} gave {shape} where {wanted} was expected", hint=hint)
    if log_probabilities.dtype not in (torch.float32, torch.float64):
        log_probabilities = log_probabilities.float()
    return log_probabilities, state


def require_distribution(log_probabilities: Tensor, live: Tensor, place: Callable[[int, int], str]) -> None:
    """Refuse what no search can go on from.

    Args:
        log_probabilities: (n, w, vocabulary), or the largest of each hypothesis, (n, w, 1).
        live: bool (n, w), which of them matter.
        place: row and slot of a fault -> where that is, for the message.

    Raises:
        DivergenceError: NaN; or, where it matters, no possible symbol or a log-probability above 0.
    """
    peak = log_probabilities.amax(-1)
    bad = peak.isnan() | (live & ~((peak > -torch.inf) & (peak <= TOLERANCE)))
    if not bad.any():
        return
    row, slot = bad.nonzero()[0].tolist()
    value, where = float(peak[row, slot]), place(row, slot)
    if value > 0:
        hint = "are these scores? take their log_softmax"
        raise DivergenceError(f"a log-probability is {value:.4g}, above 0, {where}", hint=hint)
    what = "the log-probabilities hold NaN" if value != value else "every symbol has probability 0"
    hint = "check the weights and the inputs of the model for values that are not finite"
    raise DivergenceError(f"{what} {where}", hint=hint)


def at_step(step: int, sentences: Tensor) -> Callable[[int, int], str]:
    """The place of a fault for `require_distribution`; ``sentences`` (n,) are the numbers of the rows."""
    return lambda row, slot: f"at step {step} of sentence {int(sentences[row])}"


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
        return
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        state = [getattr(state, field.name) for field in dataclasses.fields(state)]
    elif isinstance(state, Mapping):
        state = list(state.values())
    if isinstance(state, (list, tuple)):
        for part in state:
            yield from _tensors(part)
