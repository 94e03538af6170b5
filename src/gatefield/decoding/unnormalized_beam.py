"""Beam search by scores that are no probabilities, for models that were trained by beam-search optimization."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import torch

from ..core.arguments import PositiveInt
from ..core.errors import ArgumentError, DivergenceError
from .beam_search_optimization import Score, continued
from .constraints import ConstraintStates
from .decoder import Decoder, Request
from .hypothesis import Hypothesis
from .stepper import Stepper, accumulator
from .top import first_largest


class UnnormalizedBeam(Decoder):
    """Beam search by scores before any softmax, of the last symbol of a hypothesis or summed over all of them.

        step:  argmax^width over (i, v) of  f(v, h_i)    or    f_i + f(v, h_i)

    A hypothesis that has ended keeps its place and its score. A sentence is done when the best on the beam has ended,
    which is what training by beam-search optimization aims at (`BeamSearchOptimization`), or at the limit.

    Needs a stepper that tells its ``scores``; see `Scorer`. Hypotheses tell log-probabilities too, those that the
    softmax of the scores would give them; they are not ranked by them. Those that have ended come first.

    Args:
        width: hypotheses that are followed, one less than in training.
        hypotheses: how many are returned for a sentence, at most ``width``.
        score: "last" or "sum", as in training.

    Raises:
        ArgumentError: more hypotheses than places.

    Reference: Wiseman and Rush (2016), section 4.2.
    """

    name: ClassVar[str] = "unnormalized-beam"
    reference: ClassVar[str] = "wiseman2016, catalogue 182"

    def __init__(self, width: PositiveInt = 5, hypotheses: PositiveInt = 1, score: Score = "last") -> None:
        if hypotheses > width:
            message = f"a beam of {width} cannot return {hypotheses} hypotheses"
            raise ArgumentError(message, hint=f"widen the beam to {hypotheses} or more", path=("hypotheses",))
        self.width, self.hypotheses, self.score = width, hypotheses, score

    @torch.no_grad()
    def answer(self, stepper: Stepper, state: Any, request: Request) -> list[list[Hypothesis]]:
        tell = getattr(stepper, "scores", None)
        if tell is None:
            message = "a beam of scores that are not normalized needs a model that tells them"
            raise ArgumentError(message, hint="take an encoder-decoder, or search by 'beam'", path=("decoder",))
        count, device = len(request.begin), request.begin.device
        automata = ConstraintStates(request.constraints, count, device)
        if automata.demands:
            message = "this beam keeps no places for what must be said"
            raise ArgumentError(message, hint="search by 'beam', or leave the constraint out", path=("constraints",))
        results: list[list[Hypothesis]] = [[] for _ in range(count)]
        alive = torch.arange(count, device=device)
        tokens, parents = request.begin[:, None], alive.new_zeros(count, 1)
        f = torch.zeros(count, 1, device=device)
        ended, lengths = torch.full_like(f, -torch.inf), torch.zeros_like(parents)
        said, paths = tokens.new_zeros(count, 1, 0), f.new_zeros(count, 1, 0, dtype=accumulator(device))
        for step in itertools.count():
            done = (request.limits[alive] <= step) | (ended[:, 0] > -torch.inf)
            for row in done.nonzero().flatten().tolist():
                columns = (column[row].tolist() for column in (f, ended, lengths, said, paths))
                results[int(alive[row])] = _ranked(*columns)[: self.hypotheses]
            rows = (~done).nonzero().flatten()
            if not len(rows):
                return results
            alive, tokens, parents, f, ended, lengths, said, paths = (
                column[rows] for column in (alive, tokens, parents, f, ended, lengths, said, paths)
            )
            automata.keep(rows)
            scores, state = tell(tokens, stepper.reorder(state, rows, parents))
            if step == 0:
                request.require_vocabulary(scores.shape[2])
            scores = scores.float() if scores.dtype not in (torch.float32, torch.float64) else scores
            if scores.isnan().any():
                hint = "check the weights and the inputs of the model for values that are not finite"
                raise DivergenceError(f"the scores hold NaN at step {step}", hint=hint)
            among = automata.apply(scores).masked_fill((f == -torch.inf)[..., None], -torch.inf)
            among = continued(among + f[..., None] if self.score == "sum" else among, ended, request.end)
            f, flat = first_largest(among.flatten(1), min(self.width, among[0].numel()))
            parents, tokens = flat // scores.shape[2], flat % scores.shape[2]
            was_open = ended.gather(1, parents) == -torch.inf
            values = scores.log_softmax(2).flatten(1).gather(1, flat).to(paths.dtype)
            said, paths = (column.gather(1, parents[..., None].expand(-1, -1, step)) for column in (said, paths))
            said, paths = torch.cat([said, tokens[..., None]], 2), torch.cat([paths, values[..., None]], 2)
            lengths = lengths.gather(1, parents) + was_open
            ended = f.masked_fill(tokens != (-1 if request.end is None else request.end), -torch.inf)
            automata.advance(parents, tokens)
        raise AssertionError("a search ends when its limits are reached")


def _ranked(
    f: list[float], ended: list[float], lengths: list[int], said: list[list[int]], paths: list[list[float]]
) -> list[Hypothesis]:
    """The hypotheses of one sentence: those that have ended first, each by score."""
    found = []
    for score, kept, length, symbols, path in zip(f, ended, lengths, said, paths):
        if score == -float("inf"):
            continue
        finished, values = kept > -float("inf"), tuple(path[:length])
        found.append(Hypothesis(tuple(symbols[: length - finished]), score, float(sum(values)), finished, values))
    return sorted(found, key=lambda hypothesis: not hypothesis.finished)
