"""What the letters of a word tell about it."""

from __future__ import annotations

from torch import Tensor, nn

from ..core.arguments import PositiveInt
from ..core.configurable import Configurable, Spec, named
from .encoders.encoder import Encoder
from .readout import Readout, ReadoutName
from .token_embedding import TokenEmbedding


class CharacterFeatures(Configurable, nn.Module):
    """A vector for each word, read from its letters by an encoder.

    With the encoder "convolution" and the maximum it is the character CNN of Ma and Hovy (2016), section 2.1; with a
    bidirectional recurrent one and its last steps the character RNN of Lample et al. (2016), section 4.1.

    Args:
        letters: symbols of the alphabet; 0 is padding.
        embedding: numbers a letter.
        encoder: what reads the letters.
        readout: what becomes of its outputs.

    Attributes:
        width: numbers a word.
    """

    kind = "character features"

    def __init__(
        self,
        letters: PositiveInt,
        embedding: PositiveInt = 25,
        encoder: Spec[Encoder] = named("convolution"),
        readout: ReadoutName = "max",
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(letters, embedding)
        self.reader = Readout(encoder, embedding, readout)
        self.width = self.reader.width

    def forward(self, words: Tensor) -> Tensor:
        """Letters (batch, time, letters), int64, to (batch, time, width); a word of no letters gives zeros."""
        letters = words.flatten(0, 1)
        lengths = (letters != 0).sum(1)
        return self.reader(self.embedding(letters), lengths).unflatten(0, words.shape[:2])
