"""A language model of characters as the search over the labels of a recognizer asks it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import ArgumentError, InputError
from ..data.vocabulary import Vocabulary
from ..decoding import SteppedLanguageModel
from .language_modelling import LanguageModelling
from .run import load


class LabelLanguageModel:
    """log P(next label | labels so far), of a run of the task language-modelling.

    Characters that the language model does not know are its unknown symbol.

    Args:
        run: the run folder.
        labels: of the recognizer, each a character.

    Raises:
        RunFolderError: no finished run.
        InputError: a run of another task.
        ArgumentError: its tokens are not characters.
    """

    def __init__(self, run: str, labels: Vocabulary) -> None:
        task = load(run, device="cpu").task
        if not isinstance(task, LanguageModelling):
            hint = "give a run of the task language-modelling"
            raise InputError(f"{run} is a run of the task {type(task).name}, which is no language model", hint=hint)
        if task.unit != "character":
            message = f"the language model in {run} says {task.unit}s, and the labels of the recognizer are characters"
            raise ArgumentError(message, hint="train one with tokens: characters", path=("language_model",))
        vocabulary = task.codec.vocabulary
        assert vocabulary.begin is not None
        # the blank stands at the place of padding, whose probability no one looks at
        self._numbers = torch.tensor([vocabulary.pad, *vocabulary.ids(labels.symbols[1:])])
        start = task.network.start(torch.zeros(1, 0, dtype=torch.int64))
        self._model = SteppedLanguageModel(task.network, start, vocabulary.begin)

    def __call__(self, prefix: Sequence[int]) -> Tensor:
        return self._model(tuple(self._numbers[list(prefix)].tolist()))[self._numbers]
