"""The search that takes part in training: where the right answer falls out of the beam (catalogue 182)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from ..core.arguments import Interval, NonNegativeInt, PositiveInt
from ..core.configurable import Configurable
from ..core.errors import ArgumentError
from ..functional.search_margins import SearchMargins
from ..functional.sentence_bleu import sentence_bleu

Cost = Literal["one", "bleu"]
Score = Literal["last", "sum"]
"""What the score of a sequence is: f of its last symbol, or the sum over its symbols."""


class Scorer(Protocol):
    """A stepper that tells scores, which need not be normalized: see `Stepper`."""

    @property
    def start(self) -> Callable[..., Any]: ...
    def scores(self, tokens: Tensor, state: Any, /) -> tuple[Tensor, Any]: ...
    def reorder(self, state: Any, sentences: Tensor, hypotheses: Tensor, /) -> Any: ...


class BeamSearchOptimization(Configurable):
    """Train so that the right prefix stays on the beam, at every step, and ends at its head.

    A beam of ``width`` places searches beside the right answer y, which always has one of them. At every step it must
    beat, by a margin of 1, the rival y': the last of the other hypotheses; the best that has ended, where that is
    better, for the search stops when one of these heads the beam; at the last step the best of all.

        loss   sum_t Delta(y'_1..t) max(0, 1 - f(y_t, h_(t-1)) + f(y'_t, h'_(t-1)))

    Where it does not, the other hypotheses are dropped and the search goes on from the right prefix alone. Scores f are
    those of the model before its softmax, so that hypotheses of unlike pasts compete. Gradients flow through the pasts
    of both. For what is trained so, decode by `UnnormalizedBeam` with a place less and the same ``score``.

    The f of the paper is that of the last symbol alone: h has read the others and must remember what they were worth,
    which takes long to learn. Summed over the symbols it starts near the beams of cross-entropy.

    Args:
        width: places of the beam, K_tr of the paper; from 2.
        after: epochs by cross-entropy before the search takes part.
        grow: the beam begins with two places and gets one more every so many epochs; None: all from the first.
        cost: Delta, what a rival costs: "one", or "bleu", 1 less the smoothed BLEU of what it says since the last drop.
        score: what f is: "last" as in the paper, or "sum".

    Reference: Wiseman and Rush (2016), section 4. Departs from the paper: the right prefix is never its own rival (the
    K-th of the beam can be itself); hypotheses that have ended keep their place and their score, and are rivals at
    every step; dropout is off while the beam searches.
    """

    kind: ClassVar[str] = "beam-search optimization"
    reference: ClassVar[str] = "wiseman2016, catalogue 182"

    def __init__(
        self,
        width: Annotated[int, Interval("[2, inf)")] = 6,
        after: NonNegativeInt = 5,
        grow: PositiveInt | None = None,
        cost: Cost = "one",
        score: Score = "last",
    ) -> None:
        self.width, self.after, self.grow = width, after, grow
        self.cost: Cost = cost
        self.score: Score = score

    def width_at(self, epoch: float) -> int | None:
        """Places of the beam in an epoch, counted from 0 with its fraction; None: the search takes no part yet."""
        if epoch < self.after:
            return None
        return self.width if self.grow is None else min(self.width, 2 + int((epoch - self.after) // self.grow))


def search_margins(
    scorer: Scorer,
    state: Any,
    begin: int,
    end: int,
    targets: Tensor,
    lengths: Tensor,
    width: int,
    cost: Cost = "one",
    score: Score = "last",
) -> SearchMargins:
    """The scores of right prefixes and of their rivals, with gradients. See `BeamSearchOptimization`.

    Args:
        state: what ``scorer.start`` gave: n sentences with one hypothesis each.
        targets: (n, time) int64, y_1 ... y_T, the end symbol last; anything beyond a row's length.
        lengths: (n,), symbols of each row, from 1.
        width: places of the beam, from 2.

    Raises:
        ArgumentError: targets that are no symbols.
    """
    n, time = targets.shape
    device = targets.device
    inside = torch.arange(time, device=device) < lengths[:, None]
    targets = targets.masked_fill(~inside, 0)
    everyone = torch.arange(n, device=device)
    tokens = torch.full((n, 1), begin, device=device)  # place 0 is that of the right prefix
    followed = torch.ones(n, 1, dtype=torch.bool, device=device)
    ended: Tensor | None = None
    past: Tensor | float = 0.0  # what symbols before are worth
    said, since = targets.new_zeros(n, 1, 0), torch.zeros_like(lengths)  # since: where the others were last dropped
    found = []
    for t in range(time):
        scores, state = scorer.scores(tokens, state)
        scores = scores + past
        vocabulary, right, last = scores.shape[2], targets[:, t], lengths == t + 1
        if t == 0 and targets.numel() and targets.max() >= vocabulary:
            hint = f"symbols are whole numbers in [0, {vocabulary})"
            raise ArgumentError(f"{int(targets.max())} is not in the vocabulary", hint=hint, path=("targets",))
        others = continued(scores.masked_fill(~followed[..., None], -torch.inf), ended, end)
        others = torch.cat([others[:, :1].scatter(2, right[:, None, None], -torch.inf), others[:, 1:]], 1).flatten(1)
        best, flat = others.topk(min(width - 1, others.shape[1]), dim=1)
        parents, symbols = flat // vocabulary, flat % vocabulary

        gold = scores[:, 0].gather(1, right[:, None]).squeeze(1)
        worst = best[:, -1] if best.shape[1] == width - 1 else torch.full_like(gold, -torch.inf)
        stopping, where = best.masked_fill(symbols != end, -torch.inf).max(1)
        rival = torch.where(last, best[:, 0], torch.maximum(worst, stopping)).masked_fill(~inside[:, t], -torch.inf)
        violated = gold < rival + 1
        delta = torch.ones_like(gold.detach())
        if cost == "bleu":
            said = torch.cat([said[:, :1], said.gather(1, parents[..., None].expand(-1, -1, t))], 1)
            said = torch.cat([said, torch.cat([right[:, None], symbols], 1)[..., None]], 2)
            place = torch.where(last, 1, torch.where(stopping > worst, where + 1, best.shape[1]))
            delta = _unlike(said, place, since, violated, end).to(delta)
        found.append((gold, rival, delta))

        since = torch.where(violated, t + 1, since)
        goes_on = (best > -torch.inf) & ~violated[:, None]
        followed = torch.cat([torch.ones_like(followed[:, :1]), goes_on], 1)
        ended = best.masked_fill(~goes_on | (symbols != end), -torch.inf)
        ended = torch.cat([torch.full_like(ended[:, :1], -torch.inf), ended], 1)
        if score == "sum":
            past = torch.cat([gold[:, None], best.masked_fill(~goes_on, 0)], 1)[..., None]
        tokens = torch.cat([right[:, None], symbols], 1)
        state = scorer.reorder(state, everyone, torch.cat([torch.zeros_like(right)[:, None], parents], 1))
    if not found:
        return SearchMargins(*(torch.zeros(n, 0, device=device) for _ in range(3)))
    return SearchMargins(*(torch.stack(column, 1) for column in zip(*found)))


def continued(scores: Tensor, ended: Tensor | None, end: int | None) -> Tensor:
    """Scores of all continuations, where hypotheses that have ended stay as they are.

    Args:
        scores: (n, w, vocabulary).
        ended: (n, w), the score of each hypothesis that has ended, -inf for the others; None: none has.

    Returns:
        (n, w, vocabulary): what has ended goes on by the end symbol alone, and its score stays.
    """
    if ended is None or end is None:
        return scores
    is_end = torch.arange(scores.shape[2], device=scores.device) == end
    return torch.where((ended > -torch.inf)[..., None], ended[..., None].where(is_end, -torch.inf), scores)


def _unlike(said: Tensor, place: Tensor, since: Tensor, violated: Tensor, end: int) -> Tensor:
    """1 less the BLEU of what hypothesis ``place`` (n,) of ``said`` (n, places, symbols) says since the last drop."""
    found = torch.zeros(len(said))
    for k in violated.nonzero().flatten().tolist():
        right, wrong = (said[k, where, int(since[k]) :].tolist() for where in (0, int(place[k])))
        wrong = wrong[: wrong.index(end) + 1] if end in wrong else wrong
        found[k] = 1 - sentence_bleu(wrong, right)
    return found
