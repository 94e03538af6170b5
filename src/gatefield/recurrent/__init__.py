"""Recurrence: any cell written as one step of plain torch, run over time at fused speed."""

from __future__ import annotations

from .bptt import VanillaRNN, gradient_by_autograd, gradient_by_hand, gradient_by_unrolling
from .cell import Cell, CellExample, State, listening, once_a_sequence
from .cells.bi_scale import BiScale
from .cells.conv_gru import ConvGRU
from .cells.conv_lstm import ConvLSTM
from .cells.conv_rnn import ConvRNN
from .cells.coupled_lstm import CoupledLSTM
from .cells.echo_state import EchoState
from .cells.elman import Elman
from .cells.gru import GRU
from .cells.indrnn import IndRNN
from .cells.irnn import IRNN
from .cells.jordan import Jordan
from .cells.layer_norm_lstm import LayerNormLSTM
from .cells.leaky_rnn import LeakyRNN
from .cells.lstm import LSTM
from .cells.lstm1997 import LSTM1997
from .cells.minimal_gated_unit import MinimalGatedUnit
from .cells.multiplicative_lstm import MultiplicativeLSTM
from .cells.multiplicative_rnn import MultiplicativeRNN
from .cells.orthogonal_rnn import OrthogonalRNN
from .cells.peephole_lstm import PeepholeLSTM
from .cells.shallow_rnn import ShallowRNN
from .cells.simplified_gru import SimplifiedGRU
from .cells.skip_rnn import SkipRNN
from .cells.unitary_rnn import UnitaryRNN
from .convert import from_torch, to_torch
from .convert_keras import keras_weights, load_keras
from .engine import FastPath, choose, fast_scan
from .initialization import biases, initialize_recurrence, input_weights, recurrent_weights
from .jacobian import JacobianNorms, jacobian_norms, step_jacobians
from .layer import Recurrent
from .omega import omega
from .rtrl import real_time_gradient
from .scan import scan
from .state import detach_state, map_state, reorder_state
from .stepper import Stepper
from .truncated_bptt import truncated_bptt

__all__ = [
    "GRU",
    "IRNN",
    "LSTM",
    "LSTM1997",
    "BiScale",
    "Cell",
    "CellExample",
    "ConvGRU",
    "ConvLSTM",
    "ConvRNN",
    "CoupledLSTM",
    "EchoState",
    "Elman",
    "FastPath",
    "IndRNN",
    "JacobianNorms",
    "Jordan",
    "LayerNormLSTM",
    "LeakyRNN",
    "MinimalGatedUnit",
    "MultiplicativeLSTM",
    "MultiplicativeRNN",
    "OrthogonalRNN",
    "PeepholeLSTM",
    "Recurrent",
    "ShallowRNN",
    "SimplifiedGRU",
    "SkipRNN",
    "State",
    "Stepper",
    "UnitaryRNN",
    "VanillaRNN",
    "biases",
    "choose",
    "detach_state",
    "fast_scan",
    "from_torch",
    "gradient_by_autograd",
    "gradient_by_hand",
    "gradient_by_unrolling",
    "initialize_recurrence",
    "input_weights",
    "jacobian_norms",
    "keras_weights",
    "listening",
    "load_keras",
    "map_state",
    "omega",
    "once_a_sequence",
    "real_time_gradient",
    "recurrent_weights",
    "reorder_state",
    "scan",
    "step_jacobians",
    "to_torch",
    "truncated_bptt",
]
