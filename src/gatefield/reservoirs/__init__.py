"""The scikit-learn faces of echo state networks and extreme learning machines."""

from .echo_states import EchoStateClassifier, EchoStateRegressor
from .extreme_learning import ExtremeLearningClassifier, ExtremeLearningRegressor
from .tuning import tune_echo_states

__all__ = [
    "EchoStateClassifier",
    "EchoStateRegressor",
    "ExtremeLearningClassifier",
    "ExtremeLearningRegressor",
    "tune_echo_states",
]
