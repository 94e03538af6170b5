"""Transcripts for explainers: each symbol that the network hears, by the moments of the recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...data.corpus import Recording
from ...data.sound_features import SoundFeatures
from ...data.vocabulary import Vocabulary
from ...decoding.ctc import BestPath
from ...functional.ctc_alignment import aligned
from ...functional.layer_outputs import layer_outputs
from ...models.model import Model
from ...render.position_map import position_map
from ...render.spectrogram import Symbol
from ..exhibits import Sound, spaced, stacked, title
from ..explainable import Answer, Drawing, Explanation
from ..given_sounds import given_sounds
from ..sound_sections import picture
from .writing import ExplainableWriting, WrittenInput, asked, softmax

STRIPS = 10  # symbols that are drawn as strips; more are rows of a map
NAMED = 24  # moments along the edge of a map
COVERED = 0.1  # seconds
REMARK = (
    "Explained is the transcript of the best path, the likeliest symbol in each frame, also where the run decodes by a "
    "beam: of each symbol its score, before the softmax, in the frame of the network where it is likeliest. What "
    "covers a part is the mean frame of training, and integrated gradients sum to the score less what it would be of "
    "nothing but such frames."
)


@dataclass(frozen=True)
class Speech(Sound):
    """A recording, and what is heard in it.

    Attributes:
        symbols: with the seconds in which each begins and ends on the best path.
        said: seconds, the middle of the frame at which each symbol is explained.
        probabilities: (frames, symbols), of the network's frames; the blank first.
    """

    symbols: Sequence[Symbol]
    said: Sequence[float]
    probabilities: Tensor

    def asked(self, answer: Answer) -> str:
        """What an answer is called among others."""
        assert answer.position is not None
        return f"{answer.position + 1}. '{asked(answer)}' at {self.said[answer.position]:.2f} s"

    def drawings(self, explanations: Sequence[Explanation]) -> list[Drawing]:
        names = [self.asked(explanation.answer) for explanation in explanations]
        if len(names) == 1:
            strips = {f"{names[0]} · {title(each, ' · ')}": each.heat for each in explanations[0].maps}
            return [self.strips(strips, "Above the sound, low bands below; below what each moment counts for it.")]
        draw = self._strips if len(names) <= STRIPS else self._map
        return [draw(names, heat, title(each, ", ")) for each, heat in stacked(explanations)]

    def _strips(self, names: Sequence[str], heat: Tensor, method: str) -> Drawing:
        caption = f"By {method}: above the sound, low bands below; below what each moment counts for each symbol."
        return self.strips(dict(zip(names, heat)), caption)

    def _map(self, names: Sequence[str], heat: Tensor, method: str) -> Drawing:
        columns = spaced([f"{self.window / 2 + self.hop * frame:.1f} s" for frame in range(heat.shape[1])], NAMED)
        caption = f"By {method}: a row for each symbol, a column for each moment; full colour is a row's largest."
        return Drawing(position_map(names, columns, heat, each_row=True), caption, f"map by {method}")

    def beside(self) -> list[Drawing]:
        text = "".join(symbol for symbol, _, _ in self.symbols)
        caption = "When the network hears each symbol; above, how probable each is in each frame, the blank in grey."
        figure = picture(self.recording, f"heard: {text}", self.symbols, self.probabilities)
        return [Drawing(figure, caption, f"spectrogram with what is heard: {text}")]


class FrameScores(nn.Module):
    """A recognizer up to its softmax.

    Args:
        network: its layer ``classifier`` gives the scores.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Scores (batch, frames, symbols) of ``x`` (batch, time, features)."""
        return layer_outputs(self.network, (x, lengths), ["classifier"])["classifier"]


def explainable_transcripts(
    network: Model, features: SoundFeatures, labels: Vocabulary, files: Iterable[Any]
) -> ExplainableWriting:
    """What ``network`` hears in each recording in ``files``.

    By default a tenth of a second is covered at a time: where there is silence, which is far from a mean frame,
    integrated gradients would count that above all.
    """
    recordings = list(given_sounds(files))
    window = max(min([round(COVERED / features.hop), *map(features.count, recordings)]), 1)
    return ExplainableWriting(
        FrameScores(network),
        ["(blank)", *labels.symbols[1:]],
        softmax,
        (_reading(network, features, labels, recording) for recording in recordings),
        noun="symbol",
        method="occlusion",
        options={"occlusion": {"window": window}},
        reader="network.front" if network.arguments.get("strides") else "network.encoder",
    )


def _reading(network: Model, features: SoundFeatures, labels: Vocabulary, recording: Recording) -> WrittenInput:
    """A recording as it is heard, and the symbols of the best path.

    Raises:
        InputError: nothing is heard.
    """
    frames = features.frames(recording)
    inputs = frames[None].to(network.device), torch.tensor([len(frames)], device=network.device)
    with torch.no_grad():
        log_y, (count, *_) = network(*inputs)
    log_y = log_y[0, :count].float().cpu()
    ((best,),) = BestPath().decode(log_y[None])
    if not best.tokens:
        message = f"in '{recording.place}' the network hears nothing: there is no symbol to explain"
        raise InputError(message, hint="give a recording in which it hears something")
    spans = aligned(log_y, best.tokens)
    steps = [span.start + int(log_y[span.start : span.stop, label].argmax()) for span, label in zip(spans, best.tokens)]
    step = len(recording.samples) / recording.rate / len(log_y)
    symbols = labels.tokens(best.tokens)
    exhibit = Speech(
        recording,
        features.hop,
        features.window,
        [(symbol, span.start * step, span.stop * step) for symbol, span in zip(symbols, spans)],
        [(frame + 0.5) * step for frame in steps],
        log_y.exp(),
    )
    return WrittenInput(
        recording.place,
        inputs,
        exhibit,
        positions=symbols,
        remark=REMARK,
        whole=f"The network hears: {''.join(symbols)}",
        symbols=best.tokens,
        steps=steps,
    )
