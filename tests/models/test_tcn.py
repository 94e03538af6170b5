"""The temporal convolutional network: its receptive field, its equations, and the contract of sequence models."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from gatefield.core.errors import ArgumentError, InputError
from gatefield.models.sequence.tcn import TCN

SOURCE = torch.Generator().manual_seed(0)


def build(**arguments) -> TCN:
    torch.manual_seed(0)
    return TCN(**{"features": 3, "classes": 2, "channels": [4, 5, 5], "kernel_size": 3} | arguments).double()


def sequences(batch: int = 4, time: int = 13, features: int = 3) -> torch.Tensor:
    return torch.randn(batch, time, features, generator=SOURCE, dtype=torch.float64)


@pytest.mark.parametrize(("kernel_size", "levels"), [(2, 1), (2, 4), (3, 3), (5, 2)])
def test_sees_exactly_its_receptive_field(kernel_size, levels):
    """Claim 7: R = 1 + 2 (k - 1) (2^L - 1); the gradient is zero outside and in the future."""
    net = build(channels=[6] * levels, kernel_size=kernel_size, features=1, classes=1)
    field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)
    assert net.receptive_field == field
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()  # no unit is silent, so that every path carries a gradient
    x = sequences(1, field + 6, 1).abs().requires_grad_()
    net(x)[0][0, field + 2, 0].backward()
    seen = x.grad[0, :, 0].nonzero().flatten().tolist()
    assert seen == list(range(3, field + 3))


def test_is_its_equations():
    net, x = build(), sequences()
    w = net.state_dict()
    h = x.transpose(1, 2)
    for number, dilation in ((1, 1), (2, 2), (3, 4)):
        y = h
        for part in (1, 2):
            name = f"encoder.blocks.block{number}.residual.conv{part}.conv"
            v, g = w[f"{name}.weight"], w[f"{name}.length"]
            weight = v / v.flatten(1).norm(dim=1)[:, None, None] * g[:, None, None]
            y = F.relu(F.conv1d(F.pad(y, (2 * dilation, 0)), weight, w[f"{name}.bias"], dilation=dilation))
        name = f"encoder.blocks.block{number}.shortcut"
        if f"{name}.weight" in w:
            h = F.conv1d(h, w[f"{name}.weight"], w[f"{name}.bias"])
        h = F.relu(y + h)
    expected = h.transpose(1, 2) @ w["classifier.weight"].T + w["classifier.bias"]
    torch.testing.assert_close(net(x)[0].detach(), expected)


def test_the_length_of_a_direction_does_not_matter():
    net, x = build(), sequences()
    before = net(x)[0]
    with torch.no_grad():
        net.encoder.blocks.block2.residual.conv1.conv.weight.mul_(7)
    torch.testing.assert_close(net(x)[0], before)


def test_rows_of_any_length_are_as_if_alone():
    net, x = build(), sequences()
    lengths = [5, 13, 0, 1]
    output, state = net(x, lengths=lengths)
    for row, length in enumerate(lengths):
        alone, ended = net(x[row : row + 1, :length])
        torch.testing.assert_close(output[row, :length], alone[0])
        assert not output[row, length:].any()
        for pasts, pasts_alone in zip(state, ended):
            for past, past_alone in zip(pasts, pasts_alone):
                torch.testing.assert_close(past[row : row + 1], past_alone)


@pytest.mark.parametrize("cut", [0, 1, 4, 12])
def test_goes_on_where_it_stopped(cut):
    net, x = build(), sequences()
    whole, end = net(x)
    first, state = net(x[:, :cut])
    second, state = net(x[:, cut:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state, end)


def test_single_steps_are_the_sequence():
    net, x = build(dropout=0.3).eval(), sequences()
    state, outputs = None, []
    for x_t in x.unbind(1):
        y_t, state = net.step(x_t, state)
        outputs.append(y_t)
    torch.testing.assert_close(torch.stack(outputs, 1), net(x)[0])
    with pytest.raises(InputError, match="dropout masks"):
        net.train().step(x[:, 0])


def test_gradients():
    net = build(channels=[2, 3], kernel_size=2)
    x = sequences(2, 5).requires_grad_()
    with torch.no_grad():
        for parameter in net.parameters():  # away from zero biases, where rectifiers bend
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=SOURCE, dtype=parameter.dtype))
    names = [name for name, _ in net.named_parameters()]

    def compute(x, *values):
        return functional_call(net, dict(zip(names, values)), (x,), {"lengths": [5, 3]})[0]

    assert torch.autograd.gradcheck(compute, [x, *net.parameters()], fast_mode=True)


def test_wrong_input():
    net, x = build(), sequences()
    _, state = net(x)
    for call in (
        lambda: net(x[:, :, :2]),
        lambda: net(x[0]),
        lambda: net.step(x),
        lambda: net(x, lengths=[1, 2, 3]),
        lambda: net(x, lengths=[1, 2, 3, 14]),
        lambda: net(x, lengths=[1.0, 2.0, 3.0, 4.0]),
        lambda: net(x[:2], state=state),
        lambda: net(x, state=state[:2]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(ArgumentError, match="sees no step"):
        build(kernel_size=1)
    with pytest.raises(ArgumentError, match="no blocks"):
        build(channels=[])


def test_remembers_what_a_smaller_field_cannot():
    """Copying the sign from 6 steps ago is learned by a field of 15 steps, and is chance for one of 3."""
    x = torch.randn(64, 20, 1, generator=SOURCE)
    targets = (x[:, :14, 0] > 0).long()
    accuracy = []
    for channels in ([8, 8, 8], [8]):
        torch.manual_seed(0)
        net = TCN(1, 2, channels, kernel_size=2)
        optimizer = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(120):
            optimizer.zero_grad()
            logits = net(x)[0][:, 6:]
            F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
            optimizer.step()
        accuracy.append((logits.argmax(2) == targets).double().mean().item())
    assert accuracy[0] > 0.97
    assert accuracy[1] < 0.65
