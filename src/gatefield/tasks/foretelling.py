"""Networks that tell at every step what comes next: they must not have seen it."""

from __future__ import annotations

from ..core.configurable import Spec
from ..core.errors import ArgumentError
from ..models.model import Model
from ..models.sequence.sequence_predictor import SequencePredictor


def build_foreteller(
    spec: Spec[Model], features: int, classes: int, output: str, cannot: str, secret: str
) -> SequencePredictor:
    """The network of a recipe, if it can be trusted to foretell.

    Args:
        spec: the network.
        features, classes: numbers a step of its input and of its output.
        output: the output unit it must have.
        cannot: what another network does not do: "tag steps of numbers".
        secret: what it must not see: "the change".

    Raises:
        ArgumentError: another kind of network, another output unit, or an encoder that looks ahead.
    """
    model = spec.build(features=features, classes=classes)
    if not isinstance(model, SequencePredictor) or model.output != output:
        message = f"the model '{model.name}' with the output unit '{model.output}' does not {cannot}"
        raise ArgumentError(message, hint=f"choose sequence-predictor with output: {output}", path=("model",))
    if not model.encoder.causal:
        message = f"an encoder that looks ahead sees {secret} that it is to foretell"
        raise ArgumentError(message, hint="choose one that reads forward only", path=("model", "encoder"))
    return model
