"""Beam search over anything that can say what comes next."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.arguments import NonNegativeFloat, NonNegativeInt, PositiveInt
from ..core.configurable import named
from ..core.errors import ArgumentError
from .banks import continue_banks
from .constraints import ConstraintStates
from .coverage import Coverage
from .decoder import Decoder, Request
from .groups import Continuations, by_group, continue_groups
from .hypothesis import Hypothesis
from .length_penalty import LengthPenalty
from .lookahead import Lookahead
from .n_best import NBest
from .stepper import Stepper, accumulator, at_step, require_distribution
from .trace import Trace


class Beam(Decoder):
    """Beam search: the ``width`` most probable hypotheses are followed, in the log domain.

        step:   argmax^width over (i, v) of  s_i + log p(v | y_i, x)
        score:  s(Y, X) = log P(Y | X) / lp(|Y|) + cp(X; Y)

    A continuation by the end symbol that is among the ``width`` best ends a hypothesis, which is kept aside; its place
    goes to the next best. A sentence stops only when no open hypothesis can beat the ``hypotheses`` best that have
    ended: log-probabilities only fall, the penalty of coverage is at most 0 and lp does not fall, so that

        s_i / lp(limit)  is never less than any score that comes of hypothesis i.

    Hypotheses cut short by the limit are returned, after those that ended, where too few have ended. Where
    constraints leave nothing to say, a sentence may get fewer hypotheses, or none.

    With ``groups``, the beam is several smaller ones, and a group pays for symbols that groups before it chose in
    the same step. That penalty steers the search; scores are without it. Each group gives its own best hypotheses.

    Where constraints demand something, as `MustContain`, the places are shared among hypotheses that have said as much
    of it (`banks`), and nothing is returned that has not said it all.

    Args:
        width: hypotheses that are followed; one is greedy decoding where there is no length penalty.
        hypotheses: how many are returned for a sentence; a multiple of ``groups``.
        length_penalty: lp, by name.
        coverage: beta of the coverage penalty cp, for steppers that tell their attention.
        groups: how many groups the beam has; divides ``width``.
        diversity: what a group pays for each earlier use of a symbol (Hamming diversity), in nats; with groups only.
        minimum: fewest symbols before the end symbol.

    Raises:
        ArgumentError: ``groups`` that do not divide, or with no diversity, or diversity without groups.

    Reference: catalogue 28, 180, 181; Wu et al. (2016), section 7; Vijayakumar et al. (2018), algorithm 1.
    """

    name: ClassVar[str] = "beam"
    reference: ClassVar[str] = "wu2016, vijayakumar2018, catalogue 28, catalogue 180, catalogue 181"

    def __init__(
        self,
        width: PositiveInt = 5,
        hypotheses: PositiveInt = 1,
        length_penalty: LengthPenalty = named("none"),
        coverage: NonNegativeFloat = 0.0,
        groups: PositiveInt = 1,
        diversity: NonNegativeFloat | None = None,
        minimum: NonNegativeInt = 0,
    ) -> None:
        for name, number in (("width", width), ("hypotheses", hypotheses)):
            if number % groups:
                message = f"{name} {number} cannot be shared by {groups} groups"
                raise ArgumentError(message, hint=f"make '{name}' a multiple of 'groups'", path=(name,))
        if (groups > 1) != (diversity is not None):
            hint = "give 'diversity' with two groups or more, and only then"
            raise ArgumentError("groups and diversity belong together", hint=hint, path=("diversity",))
        self.width, self.hypotheses, self.groups = width, hypotheses, groups
        self.length_penalty, self.coverage = length_penalty, coverage
        self.diversity, self.minimum = diversity or 0.0, minimum

    def answer(self, stepper: Stepper, state: Any, request: Request) -> list[list[Hypothesis]]:
        return self.search(stepper, state, request)[0]

    @torch.no_grad()
    def search(self, stepper: Stepper, state: Any, request: Request) -> tuple[list[list[Hypothesis]], Trace]:
        """`answer`, and the tree of every hypothesis that was followed."""
        count, device = len(request.begin), request.begin.device
        trace, dtype = Trace(count), accumulator(device)
        best = NBest(count, self.groups, self.hypotheses // self.groups, dtype, device)
        coverage = Coverage(stepper, self.coverage) if self.coverage else None
        automata = ConstraintStates(request.constraints, count, device)
        if automata.demands and self.groups > 1:
            message = "a beam in groups cannot keep places for what must be said"
            raise ArgumentError(message, hint="set groups=1, or leave the constraint out", path=("groups",))

        alive = torch.arange(count, device=device)  # a row is a sentence that is still followed; this is its number
        tokens, parents = request.begin[:, None], alive.new_zeros(count, 1)
        scores = torch.zeros(count, 1, dtype=dtype, device=device)
        penalties = torch.zeros_like(scores)
        for step in itertools.count():
            complete = automata.complete() if automata.demands else None
            rows = self._unsettled(best, alive, request.limits[alive], step, scores, penalties, complete)
            if not len(rows):
                return best.hypotheses(trace), trace
            alive, tokens, parents, scores = alive[rows], tokens[rows], parents[rows], scores[rows]
            automata.keep(rows)
            state = stepper.reorder(state, rows, parents)
            ahead, state = Lookahead.of(stepper, tokens, state, step)
            if step == 0:
                request.require_vocabulary(ahead.values.shape[2])
            require_distribution(ahead.likeliest()[..., None], scores > -torch.inf, at_step(step, alive))
            penalties = coverage.add(state, rows, parents, dtype) if coverage else torch.zeros_like(scores)

            if request.constraints:
                ahead = ahead.restricted(automata)
            ends = request.end, step >= request.minimum
            if automata.demands:
                live, ended = continue_banks(ahead, scores, automata, self.width, *ends)
            else:
                live, ended = continue_groups(ahead, scores, self.width, self.groups, self.diversity, *ends)
            trace.extend(alive, live, ended)
            if request.end is not None:
                self._offer(best, alive, ended, step, penalties)
            parents, tokens, scores = (column.flatten(1) for column in (live.parents, live.tokens, live.scores))
            automata.advance(parents, tokens)
            penalties = penalties.gather(1, parents)
        raise AssertionError("a search ends when its limits are reached")

    def _unsettled(
        self,
        best: NBest,
        alive: Tensor,
        limits: Tensor,
        step: int,
        scores: Tensor,
        penalties: Tensor,
        complete: Tensor | None,
    ) -> Tensor:
        """The rows whose search goes on after ``step`` steps. Hypotheses at their limit are offered as they are, if
        they are ``complete``."""
        open_scores = by_group(scores, self.groups)
        expired = limits <= step
        if expired.any():
            cut = scores / self._divisor(scores, step) + penalties
            cut = by_group(cut if complete is None else cut.masked_fill(~complete, -torch.inf), self.groups)
            slots = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
            best.offer(alive[expired], cut[expired], step - 1, by_group(slots, self.groups)[expired])
        reachable = open_scores.amax(2) / self._divisor(scores, limits[:, None])
        return (~(expired | (reachable <= best.worst(alive)).all(1))).nonzero().flatten()

    def _offer(self, best: NBest, alive: Tensor, ended: Continuations, step: int, penalties: Tensor) -> None:
        """Rank the hypotheses that the end symbol, which is step number ``step``, has ended."""
        paid = penalties.gather(1, ended.parents.flatten(1)).view_as(ended.scores)
        scores = ended.scores / self._divisor(ended.scores, step + 1) + paid
        best.offer(alive, scores, step - 1, ended.parents, ended.log_probabilities)

    def _divisor(self, scores: Tensor, lengths: int | Tensor) -> Tensor:
        return self.length_penalty.divisor(torch.as_tensor(lengths, device=scores.device).to(scores.dtype))
