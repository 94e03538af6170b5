"""Decoding that knows no model: greedy, sampling, beam search and CTC over anything that says what comes next."""

from __future__ import annotations

from .beam import Beam
from .constraints import Constraint, Forbidden, Lexicon, Prefix
from .ctc import BestPath, CTCDecoder, PrefixBeam
from .decoder import Decoder
from .forced import forced
from .greedy import Greedy
from .hypothesis import Hypothesis
from .language_model import LanguageModel, SteppedLanguageModel
from .length_penalty import GNMT, Average, LengthPenalty, NoPenalty
from .sampling import Sampling
from .stepper import AttentiveStepper, Stepper
from .trace import Node, Trace

__all__ = [
    "GNMT",
    "AttentiveStepper",
    "Average",
    "Beam",
    "BestPath",
    "CTCDecoder",
    "Constraint",
    "Decoder",
    "Forbidden",
    "Greedy",
    "Hypothesis",
    "LanguageModel",
    "LengthPenalty",
    "Lexicon",
    "NoPenalty",
    "Node",
    "Prefix",
    "PrefixBeam",
    "Sampling",
    "SteppedLanguageModel",
    "Stepper",
    "Trace",
    "forced",
]
