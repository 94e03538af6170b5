"""What every layer and model promises: the tests of a module that maps a float batch to a float batch."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from dataclasses import dataclass
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from gatefield.core.configurable import Spec
from gatefield.core.errors import ArgumentError
from gatefield.models.summary import summarize


@dataclass(frozen=True)
class Case:
    """One class with the arguments of one of its examples."""

    cls: type[Any]
    arguments: dict[str, Any]
    input_shape: tuple[int, ...]

    def build(self, seed: int = 0) -> Any:
        """The module at its own first values, for evaluation."""
        torch.default_generator.manual_seed(seed)
        return self.cls(**self.arguments).eval()

    def anywhere(self) -> Any:
        """The module in float64 at a generic point: first values may be special (zeros, ones)."""
        module, source = self.build().double(), torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=source, dtype=parameter.dtype))
        return module

    def batch(self, rows: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
        source = torch.Generator().manual_seed(2)
        return torch.randn(rows, *self.input_shape, generator=source, dtype=dtype)


def cases(classes: list[Any]) -> list[Any]:
    """Every example of ``classes`` that has an input shape, and on top of the first every preset of a new structure.

    An example without one belongs to a model of other inputs (tokens, states), which has a suite of its own. A preset
    that differs from a case before it in numbers only is the same network with more layers or wider ones.
    """
    found = []
    for cls in classes:
        examples = [example for example in cls.examples() if example.input_shape]
        structures = [_structure(example.arguments) for example in examples]
        for index, example in enumerate(examples):
            found.append(pytest.param(Case(cls, example.arguments, example.input_shape), id=f"{cls.name}-{index}"))
        for preset, arguments in cls.presets.items() if examples else ():
            case = Case(cls, {**examples[0].arguments, **arguments}, examples[0].input_shape)
            if _structure(case.arguments) not in structures:
                structures.append(_structure(case.arguments))
                found.append(pytest.param(case, id=preset))
    return found


def _structure(arguments: dict[str, Any]) -> dict[str, Any]:
    """What is left of ``arguments`` without numbers and lists of numbers."""

    def counts(value: Any) -> bool:
        if isinstance(value, (list, tuple)):
            return all(counts(item) for item in value)
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    return {key: value for key, value in arguments.items() if not counts(value)}


class Convolutions(TorchDispatchMode):
    """Notes kernel and stride of every convolution that torch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[set[int], set[int]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ == "convolution":
            self.asked.append((set(args[1].shape[2:]), set(args[3])))
        return func(*args, **(kwargs or {}))


class ModuleContract:
    """Inherited by the suite of each family, which gives the fixtures ``case`` and ``member``."""

    def test_is_documented(self, member):
        assert member.examples()
        assert member.reference
        assert "Source:" in member.__doc__
        assert "Departs from the" in member.__doc__
        arguments = [key for key in member.signature() if f"{key}: " not in member.__doc__]
        assert not arguments, f"the docstring says nothing of {arguments}"

    def test_each_argument_refuses_nonsense(self, member):
        known = {**next(iter(member.examples())).arguments}
        for key in member.signature():
            for nonsense in (object(), b"no", -3, [object()], "no such thing"):
                with pytest.raises(ArgumentError) as caught:
                    member(**{**known, key: nonsense})
                assert caught.value.path[:1] == (key,)
                assert caught.value.hint

    def test_unknown_argument(self, member):
        key = next(iter(member.signature()))
        with pytest.raises(ArgumentError, match=f"{member.name}.*'{key}x'") as caught:
            Spec.from_config({"name": member.name, f"{key}x": 1}, (), member)
        assert f"'{key}'" in caught.value.hint

    def test_config_rebuilds_it(self, case):
        module = case.build()
        again = type(module).from_config(json.loads(json.dumps(module.config())))
        assert again.config() == module.config()
        assert _shapes(again) == _shapes(module)

    def test_same_seed_same_weights(self, case):
        one, two = case.build().state_dict(), case.build().state_dict()
        assert all(torch.equal(value, two[key]) for key, value in one.items())

    def test_gradients(self, case):
        module = case.anywhere()
        if any(getattr(part, "surrogate_gradient", False) for part in module.modules()):
            pytest.skip("its gradient is not the derivative, by definition")
        names = [name for name, _ in module.named_parameters()]

        def compute(x, *values):
            return functional_call(module, dict(zip(names, values)), (x,))

        inputs = [case.batch(2).requires_grad_(), *module.parameters()]
        assert torch.autograd.gradcheck(compute, inputs, fast_mode=True)

    def test_every_parameter_learns(self, case):
        module = case.anywhere()
        y = module(case.batch(8).requires_grad_())
        (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)).sum().backward()
        silent = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
        assert not silent

    def test_rows_do_not_know_each_other(self, case):
        module, x = case.anywhere(), case.batch()
        together = module(x)
        for row in range(len(x)):
            torch.testing.assert_close(module(x[row : row + 1])[0], together[row], rtol=1e-10, atol=1e-10)

    def test_a_nan_stays_in_its_row(self, case):
        module, x = case.anywhere(), case.batch()
        poisoned = x.clone()
        poisoned[1] = torch.nan
        clean, dirty = module(x), module(poisoned)
        assert dirty[1].isnan().any()
        torch.testing.assert_close(dirty[[0, 2]], clean[[0, 2]])

    def test_a_batch_of_no_rows(self, case):
        module = case.anywhere()
        assert module(case.batch(0)).shape == (0, *module(case.batch(1)).shape[1:])

    def test_memory_layout_does_not_matter(self, case):
        module, x = case.anywhere(), case.batch()
        expected = module(x)
        layouts = [x.transpose(0, -1).contiguous().transpose(0, -1), x.repeat_interleave(2, -1)[..., ::2]]
        if x.dim() == 4:
            layouts.append(x.contiguous(memory_format=torch.channels_last))
        for layout in layouts:
            assert torch.equal(layout, x)
            torch.testing.assert_close(module(layout), expected, rtol=1e-10, atol=1e-10)

    def test_steps_over_cells_with_windows_only(self, case):
        """The gradient of a strided convolution of single cells is what torch 2.13 writes beyond its memory for."""
        module, x = case.build(), case.batch(dtype=torch.float32)
        with Convolutions() as convolutions:
            module(x)
        assert not [(kernel, stride) for kernel, stride in convolutions.asked if kernel == {1} and stride != {1}]

    def test_channels_last_weights(self, case):
        if len(case.input_shape) != 3:
            pytest.skip("not an image")
        module, x = case.anywhere(), case.batch()
        expected = module(x)
        module.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(module(x), expected, rtol=1e-10, atol=1e-10)

    def test_mixed_precision(self, case):
        module, x = case.build(), case.batch(dtype=torch.float32)
        expected = module(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            error = (module(x).float() - expected).norm()
        assert error <= 0.05 * expected.norm() + 1e-6

    def test_weights_survive_a_file(self, case, tmp_path):
        module, x = case.build(), case.batch(dtype=torch.float32)
        safetensors.torch.save_file(module.state_dict(), tmp_path / "weights.safetensors")
        other = case.build(seed=1)
        other.load_state_dict(safetensors.torch.load_file(tmp_path / "weights.safetensors"))
        assert torch.equal(other(x), module(x))

    def test_copies(self, case):
        module, x = case.anywhere(), case.batch()
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(twin(x), module(x))
            assert twin.config() == module.config()
            assert not {p.data_ptr() for p in twin.parameters()} & {p.data_ptr() for p in module.parameters()}

    def test_summary(self, case):
        module = case.build()
        summary = summarize(module, case.input_shape)
        assert summary.parameters == sum(parameter.numel() for parameter in module.parameters())
        assert summary.parameters == sum(row.parameters for row in summary.layers)
        assert summary.layers[-1].output_shape == module(case.batch(1, torch.float32)).shape[1:]
        assert json.loads(json.dumps(summary.to_dict()))["multiply_adds"] == summary.multiply_adds
        with torch.device("meta"):
            empty = case.build()
        assert summarize(empty, case.input_shape) == summary

    def test_one_file_each(self, member):
        module = inspect.getmodule(member)
        members = [cls for cls in vars(module).values() if inspect.isclass(cls) and cls.__dict__.get("name")]
        assert [cls for cls in members if cls.__module__ == member.__module__] == [member]


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in module.state_dict().items()}
