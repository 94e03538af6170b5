"""Captions for explainers: each word that the network said, by the places of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...data.decode import seen_part
from ...data.preparation import Preparation
from ...data.text_codec import TextCodec
from ...functional.layer_outputs import layer_outputs
from ...models.language.captioner import Captioner
from ...render.overlay import overlay
from ...render.pictures import picture_grid
from ..exhibits import Picture, stacked, title
from ..explainable import Drawing, Explanation
from ..given_pictures import GivenPicture, given_pictures
from .writing import ExplainableWriting, WrittenInput, asked, softmax

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..captioning import Said

COLUMNS = 6
REMARK = (
    "Explained is the score of each word that the network said, before the softmax, given the picture and the words "
    "that it said before. What covers a part of the picture is its mean color in training, and integrated gradients "
    "sum to the score less what it would be of a picture of that color alone."
)


@dataclass(frozen=True)
class Scene(Picture):
    """A picture of which something was said.

    Attributes:
        words: that were said.
        looked: (words, rows, columns), where the network looked while it said each; None if it has no attention.
    """

    words: Sequence[str] = ()
    looked: Tensor | None = None

    def tiles(self, explanation: Explanation) -> tuple[list[Tensor], list[str]]:
        images, (_, *captions) = super().tiles(explanation)
        return images, [asked(explanation.answer), *captions]

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        if len(explanations) == 1:
            return super().drawings(explanations)
        words = [asked(explanation.answer) for explanation in explanations]
        caption = "the picture, and for each word what counts for it; full colour is a word's largest."
        return [
            Drawing(self._grid(words, heat), f"By {title(each, ', ')}: {caption}", f"maps by {each.method}")
            for each, heat in stacked(explanations)
        ]

    def beside(self) -> list[Drawing]:
        if self.looked is None:
            return []
        caption = "Where the network looked while it said each word, which need not be what the word is due to."
        return [Drawing(self._grid(self.words, self.looked), caption, "maps of the network's attention")]

    def _grid(self, words: Sequence[str], heats: Tensor) -> Figure:
        panels = [self.pixels, *(overlay(self.pixels, heat, self.box) for heat in heats)]
        return picture_grid(panels, ["", *words], columns=min(COLUMNS, len(panels)))


class SeeingCaptioner(nn.Module):
    """A captioner as a function of the picture, through its codes: it computes those without gradients by itself.

    Args:
        captioner: with the network that its codes come from.
    """

    def __init__(self, captioner: Captioner) -> None:
        super().__init__()
        self.network, self.decoder, self.codes = captioner.network, captioner.decoder, captioner.layer

    def forward(self, pictures: Tensor, said: Tensor, shown: Tensor | None = None) -> Tensor:
        """Scores (batch, time, words) of what follows each of the words ``said``.

        Args:
            pictures: (count, channels, height, width).
            said: (batch, time) int64.
            shown: (batch,) int64, the picture of each row of ``said``; None: each row has its own.
        """
        assert self.network is not None
        codes = layer_outputs(self.network, pictures, [self.codes])[self.codes]
        codes = codes if shown is None else codes[shown]
        places = codes.flatten(2).transpose(1, 2) if codes.dim() > 2 else codes[:, None]
        memory = None if self.decoder.attention is None else self.decoder.attention.prepare(places)
        return self.decoder(said, self.decoder.begin(places.mean(1), memory))[0]


def explainable_captions(
    captioner: Captioner,
    codec: TextCodec,
    preparation: Preparation,
    say: Callable[[Tensor], Said],
    files: Iterable[Any],
) -> ExplainableWriting:
    """What ``captioner`` says of each picture in ``files``; ``say`` tells it of one, uint8 (1, channels, ...)."""
    inputs = (_reading(captioner, codec, preparation, say, given) for given in given_pictures(files))
    reader = f"network.{captioner.layer}"
    model = SeeingCaptioner(captioner)
    return ExplainableWriting(
        model,
        codec.vocabulary.symbols,
        softmax,
        inputs,
        noun="word",
        method="occlusion",
        reader=reader,
        cut=codec.tokenizer.inside,
    )


def _reading(
    captioner: Captioner,
    codec: TextCodec,
    preparation: Preparation,
    say: Callable[[Tensor], Said],
    given: GivenPicture,
) -> WrittenInput:
    """A picture as it is seen, and what is said of it: the caption, and its end where the network ends it."""
    vocabulary = codec.vocabulary
    assert vocabulary.begin is not None
    assert vocabulary.end is not None
    channels, height, width = preparation.shape
    raw, original = given.pixels(channels, (height, width))[None], given.pixels(3)
    text, (found, *_) = say(raw)
    said = [*found.tokens, *([vocabulary.end] if found.finished else [])]
    inputs = preparation(raw, captioner.device), torch.tensor([[vocabulary.begin, *said[:-1]]], device=captioner.device)
    looked = None
    if captioner.decoder.attention is not None and len(captioner.code_shape) == 3:
        with torch.inference_mode():
            looked = captioner.alignment(*inputs)[0].float().cpu()
    words, (_, tall, wide) = vocabulary.tokens(said), original.shape
    return WrittenInput(
        given.name,
        inputs,
        Scene(original, seen_part(tall, wide, (height, width)), words, looked),
        positions=words,
        remark=REMARK,
        whole=f"The network says: {text or '(nothing)'}",
        symbols=said,
        steps=range(len(said)),
    )
