"""Symbols as vectors: dense and trained, or one of n."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import InputError


class TokenEmbedding(nn.Module):
    """A row of a table for each symbol (catalogue 187).

    Args:
        vocabulary: n, how many symbols there are.
        size: numbers a row, trained, N(0, 1 / size) at first; None: the n unit vectors, which stay as they are.

    Attributes:
        width: numbers a row.
        weight: the table (vocabulary, width).
    """

    def __init__(self, vocabulary: int, size: int | None) -> None:
        super().__init__()
        self.vocabulary, self.width = vocabulary, size or vocabulary
        if size is None:
            self.register_buffer("weight", torch.eye(vocabulary), persistent=False)
        else:
            self.weight = nn.Parameter(torch.randn(vocabulary, size) / size**0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """(...) int64 to (..., width).

        Raises:
            InputError: what is no symbol.
        """
        if tokens.dtype != torch.int64:
            raise InputError(f"tokens are {tokens.dtype}", hint="give int64, the numbers of symbols")
        try:
            return F.embedding(tokens, self.weight)
        except IndexError as error:
            wrong = tokens.max() if tokens.max() >= self.vocabulary else tokens.min()
            message = f"there is no symbol {int(wrong)}"
            raise InputError(message, hint=f"the vocabulary has 0 to {self.vocabulary - 1}") from error
