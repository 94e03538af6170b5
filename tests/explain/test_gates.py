"""Gates seen from outside: those of the layer, also deep inside a model, and how often they are open or shut."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gatefield.core.errors import ArgumentError
from gatefield.explain.gates import gate_traces, gated_layers, gated_layers_run, saturation
from gatefield.recurrent import GRU, LSTM, PeepholeLSTM, Recurrent


class Tagger(nn.Module):
    """Embeds symbols, reads them both ways, and scales what it read."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(9, 4)
        self.encoder = nn.ModuleDict(
            {"recurrent": Recurrent([LSTM(4, 5), GRU(10, 3)], bidirectional=True, dropout=0.5)}
        )

    def forward(self, tokens, lengths=None):
        return self.encoder["recurrent"](self.embedding(tokens) * 2, lengths=lengths)[0]


TOKENS = torch.tensor([[1, 2, 3, 4, 5, 6], [4, 4, 1, 0, 0, 0]])


def test_the_gates_of_a_layer_inside_a_model():
    model = Tagger()
    model.embedding.gates = nn.Linear(1, 1)  # is called so, and can tell nothing
    assert gated_layers(model) == ["encoder.recurrent"]
    found = gate_traces(model, (TOKENS, [6, 3]))
    assert model.training
    assert sum(len(module._forward_pre_hooks) for module in model.modules()) == 0
    assert len(found) == 4
    assert [set(gates) for gates in found[:2]] == [{"i", "f", "g", "o"}] * 2
    x = model.embedding(TOKENS).detach() * 2
    wanted = model.encoder["recurrent"].eval().gates(x, lengths=[6, 3])
    for gates, others in zip(found, wanted):
        for name, trace in gates.items():
            assert torch.equal(trace, others[name])
            assert (trace[1, 3:] == 0).all()
            assert not trace.requires_grad


def test_a_layer_that_is_called_step_by_step_does_not_run_as_one():
    class Continued(nn.Module):
        """Reads with one layer and writes with the steps of another."""

        def __init__(self) -> None:
            super().__init__()
            self.writer, self.reader = Recurrent(GRU(2, 3)), Recurrent(GRU(2, 3))

        def forward(self, x):
            _, state = self.reader(x)
            return self.writer.step(x[:, -1], state)[0]

    model, x = Continued(), torch.randn(1, 4, 2)
    assert gated_layers(model) == ["writer", "reader"]
    assert gated_layers_run(model, x) == ["reader"]
    assert model.training
    assert not any(module._forward_pre_hooks for module in model.modules())
    with pytest.raises(ArgumentError, match="no recurrent layer that tells its gates"):
        gated_layers_run(nn.Linear(2, 3), x)


def test_an_lstm_by_hand():
    torch.manual_seed(0)
    layer = Recurrent(LSTM(2, 3))
    x = torch.randn(1, 4, 2)
    (gates,) = gate_traces(layer, x)
    cell = layer.directions[0].cell
    h = c = torch.zeros(1, 3)
    for t in range(4):
        i, f, g, o = (x[:, t] @ cell.W.T + cell.b + h @ cell.U.T).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        for name, value in {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}.items():
            assert torch.allclose(gates[name][:, t], value, atol=1e-6)


def test_a_forget_gate_forced_open_is_seen_as_open():
    torch.manual_seed(0)
    layer = Recurrent(PeepholeLSTM(2, 4))
    cell = layer.directions[0].cell
    with torch.no_grad():
        biases = dict(cell.named_parameters())["b"].view(4, 4)
        biases[:] = torch.tensor([[-30.0], [30.0], [0.0], [0.0]])
    (gates,) = gate_traces(layer, torch.randn(3, 20, 2))
    forget, into = saturation(gates["f"]), saturation(gates["i"])
    assert (forget.open == 1).all()
    assert (forget.shut == 0).all()
    assert (into.shut == 1).all()


def test_saturation_by_hand_and_only_where_a_row_reads():
    gate = torch.tensor([[[0.05], [0.95], [0.5], [0.99]], [[0.0], [0.0], [0.5], [0.5]]])
    found = saturation(gate)
    assert found.shut.tolist() == [3 / 8]
    assert found.open.tolist() == [2 / 8]
    found = saturation(gate, lengths=[4, 1])
    assert found.shut.tolist() == [2 / 5]
    assert found.open.tolist() == [2 / 5]
    found = saturation(gate, lengths=torch.tensor([3, 0]), low=0.0, high=0.4)
    assert found.shut.tolist() == [0]
    assert found.open.tolist() == [2 / 3]


def test_what_has_no_gates_or_is_none():
    with pytest.raises(ArgumentError, match="Linear has no recurrent layer"):
        gate_traces(nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(ArgumentError, match="'embedding' has no gates") as caught:
        gate_traces(Tagger(), TOKENS, "embedding")
    assert "encoder.recurrent" in caught.value.hint
    (gates,) = gate_traces(Recurrent(LSTM(2, 3)), torch.randn(1, 40, 2))
    with pytest.raises(ArgumentError, match=r"outside \[0, 1\]"):
        saturation(gates["g"])
    with pytest.raises(ArgumentError, match="no step"):
        saturation(gates["i"], [0])
    with pytest.raises(ArgumentError, match=r"thresholds 0.9 and 0.1"):
        saturation(gates["i"], low=0.9, high=0.1)
    with pytest.raises(ArgumentError, match=r"a gate of shape \(4, 3\)"):
        saturation(torch.zeros(4, 3))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_model_keeps_no_hook(error):
    model = Tagger()

    def fail(*_given):
        raise error

    own = model.register_forward_hook(fail)
    with pytest.raises(error):
        gate_traces(model, (TOKENS,))
    own.remove()
    assert sum(len(module._forward_pre_hooks) for module in model.modules()) == 0
    assert all(module.training for module in model.modules())
