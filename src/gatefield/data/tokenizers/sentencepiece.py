"""Pieces of words, learned from the training texts by the package sentencepiece."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ...core.extras import require
from ..tokens import Tokenizer

_AGAIN = "copy the file again from its run, or train again"


class SentencePiece(Tokenizer):
    """Pieces of words: frequent words are one piece, rare ones several. Nothing is normalized, nothing lost.

    A space is written ``▁``; a text that has this sign itself gets a space for it back.

    Args:
        pieces: how many at most; fewer where the texts are too small for as many.
        method: byte pairs merged by frequency (``bpe``), or the unigram model (``unigram``).
        lowercase: whether the text is lowered in case first.

    Raises:
        MissingExtra: at the first use, the package ``sentencepiece`` is not installed.

    Reference: Kudo and Richardson (2018), SentencePiece; Sennrich, Haddow and Birch (2016) for ``bpe``.
    """

    name = "sentencepiece"

    def __init__(
        self, pieces: PositiveInt = 8000, method: Literal["bpe", "unigram"] = "bpe", lowercase: bool = False
    ) -> None:
        super().__init__(lowercase)
        self.pieces, self.method = pieces, method
        self._model = b""
        self._processor: Any = None

    def learn(self, texts: Iterable[str]) -> None:
        package = _package()
        lines = [line for text in texts for line in (text.lower() if self.lowercase else text).split("\n") if line]
        if not lines:
            raise DataError("there is no text to learn pieces of words from", hint="are the texts empty?")
        model = io.BytesIO()
        try:
            package.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                vocab_size=self.pieces,
                model_type=self.method,
                hard_vocab_limit=False,
                character_coverage=1.0,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                max_sentence_length=1 << 20,
                num_threads=1,  # the same pieces on every machine
                minloglevel=3,
            )
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"sentencepiece could not learn {self.pieces} pieces ({error})",
                hint="give another number of pieces, or more text",
            ) from error
        self._take(model.getvalue())

    def inside(self, phrase: str) -> list[str]:
        return self.tokens(f" {phrase}") if phrase else []  # a word inside a text begins with the space before it

    def cut(self, text: str) -> list[str]:
        processor = self._ready()
        tokens: list[str] = []
        for number, line in enumerate(text.split("\n")):
            if number:
                tokens.append("\n")
            tokens += processor.encode(line, out_type=str)
        return tokens

    def text(self, tokens: Sequence[str]) -> str:
        return "".join(tokens).replace("▁", " ")

    def symbols(self) -> list[str]:
        processor = self._ready()
        pieces = range(processor.get_piece_size())
        known = [processor.id_to_piece(n) for n in pieces if not (processor.is_control(n) or processor.is_unknown(n))]
        return ["\n", *known]

    def learned(self) -> dict[str, Any]:
        self._ready()
        return {"model": base64.b64encode(self._model).decode("ascii")}

    def restore(self, learned: Mapping[str, Any]) -> None:
        try:
            model = base64.b64decode(learned["model"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise DataError("the file holds no pieces of words", hint=_AGAIN) from error
        self._take(model)

    def _take(self, model: bytes) -> None:
        processor = _package().SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(model)
        except (RuntimeError, OSError) as error:
            raise DataError("the pieces of words are damaged", hint=_AGAIN) from error
        self._model, self._processor = model, processor

    def _ready(self) -> Any:
        if self._processor is None:
            _package()
            raise DataError("the pieces of words are not learned yet", hint="call learn with the training texts first")
        return self._processor


def _package() -> Any:
    return require("sentencepiece", extra="text", purpose="the tokenizer 'sentencepiece'")
