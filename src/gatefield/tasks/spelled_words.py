"""A tagger that reads letters, as a function of what it knows of each word: of its number and its letters at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..models.model import Model


class SpelledWords(nn.Module):
    """The tagger from the vectors [E w; c] of its words on, so that explanations count what letters tell as well.

    Args:
        tagger: reads words and their letters; has an ``embedding`` and ``characters``.
    """

    def __init__(self, tagger: Model) -> None:
        super().__init__()
        self.tagger = tagger

    def inputs(self, words: Tensor, lengths: Tensor, letters: Tensor) -> tuple[Tensor, ...]:
        """The arguments of `forward` for those of the tagger."""
        tagger: Any = self.tagger
        with torch.no_grad():
            vectors = torch.cat([tagger.embedding(words), tagger.characters(letters)], 2)
        return vectors, lengths, words, letters

    def forward(self, x: Tensor, lengths: Tensor, words: Tensor, letters: Tensor) -> Any:
        """What the tagger says of ``words`` where ``x`` (batch, time, features) stands for what it knows of each."""
        tagger: Any = self.tagger
        vectors, spelled = x.split([tagger.embedding.width, tagger.characters.width], 2)
        hooks = [
            tagger.embedding.register_forward_hook(lambda *_: vectors),
            tagger.characters.register_forward_hook(lambda *_: spelled),
        ]
        try:
            return tagger(words, lengths, letters)
        finally:
            for hook in hooks:
                hook.remove()
