"""Steppers to decode with: a table, a tree in which every prefix has its own distribution, and a small GRU."""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor, nn

from gatefield.decoding.stepper import Stepper


class TableStepper:
    """The same sequence of distributions whatever was said (catalogue 27 and 28); ``table`` is (steps, vocabulary)."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def start(self, sentences: int) -> Tensor:
        return torch.zeros(sentences, 1, dtype=torch.int64)

    def step(self, tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.table[state], state + 1

    def reorder(self, state: Tensor, sentences: Tensor, hypotheses: Tensor) -> Tensor:
        return state[sentences[:, None], hypotheses]


class TreeStepper:
    """After every prefix of every sentence another random distribution, the same in every batch.

    The state is (names of the sentences (n,), what was read (n, w, steps)).
    """

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 1.5) -> None:
        self.vocabulary, self.seed, self.spread = vocabulary, seed, spread
        self.steps_run = 0

    def start(self, names: list[int]) -> tuple[Tensor, Tensor]:
        return torch.tensor(names, dtype=torch.int64), torch.zeros(len(names), 1, 0, dtype=torch.int64)

    def after(self, name: int, read: tuple[int, ...]) -> list[float]:
        """log p(v | read), ``read`` beginning with the begin symbol."""
        draw = random.Random(f"{self.seed} {name} {read}")
        weights = [math.exp(draw.gauss(0, self.spread)) for _ in range(self.vocabulary)]
        return [math.log(weight / sum(weights)) for weight in weights]

    def step(self, tokens: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        self.steps_run += tokens.numel()
        names, read = state
        read = torch.cat([read, tokens[..., None]], 2)
        rows = [[self.after(name, tuple(path)) for path in paths] for name, paths in zip(names.tolist(), read.tolist())]
        return torch.tensor(rows, dtype=torch.float64), (names, read)

    def reorder(self, state: tuple[Tensor, Tensor], sentences: Tensor, hypotheses: Tensor) -> tuple[Tensor, Tensor]:
        names, read = state
        return names[sentences], read[sentences[:, None], hypotheses]


class GRUStepper(nn.Module):
    """A GRU with dot-product attention to a memory that is held once a sentence."""

    def __init__(self, vocabulary: int = 17, width: int = 8, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.embedding = nn.Embedding(vocabulary, width, dtype=dtype)
        self.cell = nn.GRUCell(width, width, dtype=dtype)
        self.output = nn.Linear(2 * width, vocabulary, dtype=dtype)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=dtype))
            self.output.bias[1] += 3  # the end symbol of the tests, so that it comes in a few steps

    def start(self, memory: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        mask = torch.arange(memory.shape[1]) < lengths[:, None]
        mean = (memory * mask[..., None]).sum(1) / lengths[:, None]
        return {"memory": memory, "mask": mask, "h": mean[:, None], "attention": mask[:, None].to(memory) * 0}

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        h = self.cell(self.embedding(tokens).flatten(0, 1), state["h"].flatten(0, 1)).view(*tokens.shape, -1)
        energies = h @ state["memory"].transpose(1, 2)
        attention = energies.masked_fill(~state["mask"][:, None], -torch.inf).softmax(2)
        log_probabilities = self.output(torch.cat([h, attention @ state["memory"]], 2)).log_softmax(2)
        return log_probabilities, state | {"h": h, "attention": attention}

    def reorder(self, state: dict[str, Tensor], sentences: Tensor, hypotheses: Tensor) -> dict[str, Tensor]:
        rows = sentences[:, None], hypotheses
        kept = {name: state[name][sentences] for name in ("memory", "mask")}
        return kept | {name: state[name][rows] for name in ("h", "attention")}

    def attention(self, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return state["attention"], state["mask"]

    def sources(self, count: int, longest: int = 6) -> tuple[Tensor, Tensor]:
        """Random memories and their lengths."""
        generator = torch.Generator().manual_seed(9)
        dtype, width = self.output.weight.dtype, self.cell.hidden_size
        memory = torch.randn(count, longest, width, generator=generator, dtype=dtype)
        return memory, torch.randint(1, longest + 1, (count,), generator=generator)


_: list[type[Stepper]] = [TableStepper, TreeStepper, GRUStepper]
