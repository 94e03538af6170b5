"""What is trained where a beam search takes part in training."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from ..decoding import BeamSearchOptimization, search_margins
from ..functional.search_margins import SearchMargins
from ..models.model import Model
from ..training.schedule import Progress


class SearchingTrainer(nn.Module):
    """A translator that answers a batch with what a beam search makes of it, and not with logits.

    In training the width of the beam is that of the epoch, and before its time answers are logits; in evaluation it is
    always the full one, so that epochs compare.

    Args:
        network: is trained; searched through as it decodes, without dropout.
        settings: how the search takes part.
        begin, end: the symbols around a target.

    Raises:
        ArgumentError: the network does not tell the scores before its softmax.
    """

    def __init__(self, network: Model, settings: BeamSearchOptimization, begin: int, end: int) -> None:
        super().__init__()
        if not hasattr(network, "scores"):
            message = f"the model '{network.name}' does not tell the scores that beams are optimized by"
            hint = "choose encoder-decoder, or leave beam_search_optimization out"
            raise ArgumentError(message, hint=hint, path=("beam_search_optimization",))
        self.network, self.settings, self.begin, self.end = network, settings, begin, end
        self.width = settings.width_at(0)

    def tell(self, progress: Progress) -> None:
        """How far training is."""
        self.width = self.settings.width_at(progress.epoch)

    def forward(
        self, source: Tensor, source_lengths: Tensor, target_in: Tensor, target_lengths: Tensor
    ) -> Tensor | SearchMargins:
        width = self.width if self.training else self.settings.width
        network = cast(Any, self.network)
        if width is None:
            return network(source, source_lengths, target_in, target_lengths)
        after = torch.cat([target_in[:, 1:], target_in[:, :1]], 1)
        targets = after.scatter(1, target_lengths[:, None] - 1, self.end)
        was_training = network.training
        network.eval()
        try:
            state = network.start((source, source_lengths))
            ends, settings = (self.begin, self.end), self.settings
            return search_margins(network, state, *ends, targets, target_lengths, width, settings.cost, settings.score)
        finally:
            network.train(was_training)
