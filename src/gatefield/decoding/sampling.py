"""Symbols drawn at random, as the model finds them probable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from ..core.arguments import Interval, NonNegativeInt, PositiveFloat, PositiveInt
from ..core.seeding import generator
from .decoder import Decoder, Request
from .hypothesis import Hypothesis
from .rollout import roll_out
from .stepper import Stepper, accumulator
from .top import first_largest

_AT_ONCE = 64  # random numbers drawn ahead of each stream; streams do not depend on it


class Sampling(Decoder):
    """Draw each symbol from p(v)^(1 / temperature), normalized over what top-k and nucleus leave.

    Every hypothesis has a random stream of its own, named after the seed, the number of its sentence and its own
    number: what it says depends neither on the batch it is in nor on how many others are drawn. The score of a
    hypothesis is its log-probability under the model itself, at temperature 1.

    Args:
        temperature: below 1 nearer to greedy decoding, above 1 nearer to uniform.
        top_k: draw from the k most probable symbols only; None from all.
        nucleus: draw from the fewest symbols that together have this probability or more (of those top-k leaves).
        samples: hypotheses a sentence, in the order in which they were drawn.
        minimum: fewest symbols before the end symbol.
        seed: of the random streams.

    Reference: Fan et al. (2018), section 5.4 (top-k); Holtzman et al. (2020), equations 2 and 3 (nucleus).
    """

    name: ClassVar[str] = "sampling"
    reference: ClassVar[str] = "fan2018, holtzman2020, catalogue 184"

    def __init__(
        self,
        temperature: PositiveFloat = 1.0,
        top_k: PositiveInt | None = None,
        nucleus: Annotated[float, Interval("(0, 1]")] | None = None,
        samples: PositiveInt = 1,
        minimum: NonNegativeInt = 0,
        seed: int = 0,
    ) -> None:
        self.temperature, self.top_k, self.nucleus = temperature, top_k, nucleus
        self.samples, self.minimum, self.seed = samples, minimum, seed

    def answer(self, stepper: Stepper, state: Any, request: Request) -> list[list[Hypothesis]]:
        streams = Streams(self.seed, request.numbers, self.samples)

        def choose(log_probabilities: Tensor, sentences: Tensor, step: int) -> Tensor:
            return self._draw(log_probabilities, streams.uniform(sentences, step))

        return roll_out(stepper, state, request, self.samples, choose)

    def _draw(self, log_probabilities: Tensor, uniform: Tensor) -> Tensor:
        """Symbols (n, w): the inverse of the distribution function at ``uniform`` (n, w)."""
        n, w, vocabulary = log_probabilities.shape
        values = log_probabilities.flatten(0, 1).to(accumulator(log_probabilities.device)) / self.temperature
        p = values.softmax(1).nan_to_num(0)  # where nothing may be said, every value is -inf
        symbols = None
        if self.top_k is not None:
            p, symbols = first_largest(p, min(self.top_k, vocabulary))
        elif self.nucleus is not None:
            p, symbols = p.sort(dim=1, descending=True, stable=True)
        if self.nucleus is not None:
            p = p / p.sum(1, keepdim=True)
            p = p.masked_fill(p.cumsum(1) - p >= self.nucleus, 0)
        cumulated = p.cumsum(1)
        total = cumulated[:, -1:]
        target = torch.minimum(uniform.to(p).view(-1, 1) * total, total.nextafter(torch.zeros_like(total)))
        place = torch.searchsorted(cumulated, target, right=True).clamp(max=cumulated.shape[1] - 1)
        return (place if symbols is None else symbols.gather(1, place)).view(n, w)


class Streams:
    """A stream of uniform random numbers in [0, 1) for each hypothesis, the same on every device.

    Args:
        seed, numbers: what the streams are named after.
        samples: streams a sentence.
    """

    def __init__(self, seed: int, numbers: Sequence[int], samples: int) -> None:
        self.generators = [[generator(seed, "sampling", int(n), s) for s in range(samples)] for n in numbers]
        self.block = torch.empty(0)

    def uniform(self, sentences: Tensor, step: int) -> Tensor:
        """The numbers of step ``step``, for the rows ``sentences`` (m,): (m, samples). Steps are asked for in order."""
        if step % _AT_ONCE == 0:
            rows = [
                torch.stack([torch.rand(_AT_ONCE, generator=stream, dtype=torch.float64) for stream in streams])
                for streams in self.generators
            ]
            self.block = torch.stack(rows)
        return self.block[sentences.cpu(), :, step % _AT_ONCE].to(sentences.device, accumulator(sentences.device))
