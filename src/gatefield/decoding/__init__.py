"""Decoding that knows no model: greedy, sampling, beam search and CTC over anything that says what comes next."""

from __future__ import annotations

from .beam import Beam
from .beam_search_optimization import BeamSearchOptimization, search_margins
from .constraints import Constraint, Forbidden, Lexicon, Prefix
from .ctc import BestPath, CTCDecoder, PrefixBeam
from .decoder import Decoder
from .forced import forced
from .greedy import Greedy
from .hypothesis import Hypothesis
from .language_model import LanguageModel, SteppedLanguageModel
from .length_penalty import GNMT, Average, LengthPenalty, NoPenalty
from .must_contain import MustContain
from .sampling import Sampling
from .stepper import AttentiveStepper, Stepper
from .trace import Node, Trace
from .unnormalized_beam import UnnormalizedBeam

__all__ = [
    "GNMT",
    "AttentiveStepper",
    "Average",
    "Beam",
    "BeamSearchOptimization",
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
    "MustContain",
    "NoPenalty",
    "Node",
    "Prefix",
    "PrefixBeam",
    "Sampling",
    "SteppedLanguageModel",
    "Stepper",
    "Trace",
    "UnnormalizedBeam",
    "forced",
    "search_margins",
]
