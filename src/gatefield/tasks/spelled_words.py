"""A tagger that reads letters, as a function of what it knows of each word: of its number and its letters at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..models.model import Model


class SpelledWords(nn.Module):
    """The tagger from the vectors [E w; c] of its words on, so that explanations count what letters tell as well.

    Args:
        tagger: reads words, and their letters where it has ``characters``; has an ``embedding``.
    """

    def __init__(self, tagger: Model) -> None:
        super().__init__()
        self.tagger = tagger

    def inputs(self, words: Tensor, lengths: Tensor, letters: Tensor | None = None) -> tuple[Any, ...]:
        """The arguments of `forward` for those of the tagger."""
        parts = zip(self._layers(), (words, letters))
        with torch.no_grad():
            vectors = torch.cat([layer(part) for layer, part in parts], 2)
        return vectors, lengths, words, letters

    def forward(self, x: Tensor, lengths: Tensor, words: Tensor, letters: Tensor | None = None) -> Any:
        """What the tagger says of ``words`` where ``x`` (batch, time, features) stands for what it knows of each."""
        layers = self._layers()
        hooks = [
            layer.register_forward_hook(lambda *_, part=part: part)
            for layer, part in zip(layers, x.split([layer.width for layer in layers], 2))
        ]
        try:
            return self.tagger(words, lengths, letters)
        finally:
            for hook in hooks:
                hook.remove()

    def _layers(self) -> list[Any]:
        """What is known of a word: by its number and, where they are read, by its letters."""
        tagger: Any = self.tagger
        return [tagger.embedding, *([] if tagger.characters is None else [tagger.characters])]
