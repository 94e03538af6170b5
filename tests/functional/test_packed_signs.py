"""Sums of signs by native code, for every instruction set of this processor, against torch's float convolution."""

from __future__ import annotations

import pathlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from gatefield.core.errors import InputError
from gatefield.core.native_library import has_memory, supported
from gatefield.functional import native
from gatefield.functional.packed_signs import pack_kernels, sign_convolution, sign_convolution_path

needs_library = pytest.mark.skipif(not native.libraries(), reason="installed without a C++ compiler")
anew = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=native.libraries())
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    library = native.libraries()[request.param]
    monkeypatch.setattr(native, "library", lambda: library)
    monkeypatch.setattr(native, "MANY", 0)  # threads, however little there is to do
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    return request.param


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def by_torch(x: Tensor, kernels: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEFIELD_ENGINE", "torch")
        return sign_convolution(x, kernels, stride, padding, groups)


def assert_equal(x: Tensor, kernels: Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> None:
    found = sign_convolution(x, kernels, stride, padding, groups)
    assert found.dtype == torch.int32
    assert torch.equal(found, by_torch(x, kernels, stride, padding, groups))


def laid_out(x: Tensor, layout: str) -> Tensor:
    """The same numbers, in another order in memory."""
    if layout == "channels_last":
        return x.to(memory_format=torch.channels_last)
    if layout == "transposed":
        return x.transpose(2, 3).contiguous().transpose(2, 3)
    if layout == "batch last":
        return x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)
    if layout == "part":
        return torch.nn.functional.pad(x, (1, 2, 0, 1, 3, 0))[:, 3:, : x.shape[2], 1 : 1 + x.shape[3]]
    return x


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Tensor, Tensor, int, int, int]:
    groups = draw(st.integers(1, 3))
    channels = groups * draw(st.sampled_from([1, 3, 7, 8, 9, 31, 32, 33, 64, 70, 130]))
    outputs = groups * draw(st.integers(1, 9) | st.sampled_from([65, 130]))
    stride, padding = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    kernel = [draw(st.integers(1, 5)) for _ in range(2)]
    size = [max(1, k - 2 * padding) + draw(st.integers(0, 12)) for k in kernel]
    torch.manual_seed(draw(st.integers(0, 1000)))
    x = torch.randn(
        draw(st.integers(0, 5)), channels, *size, dtype=draw(st.sampled_from([torch.float32, torch.float64]))
    )
    x[torch.rand_like(x) < 0.1] = 0.0
    layout = draw(st.sampled_from(["contiguous", "channels_last", "transposed", "batch last", "part"]))
    weight = torch.randn(outputs, channels // groups, *kernel)
    return laid_out(x, layout), pack_kernels(weight), stride, padding, groups


@anew
@given(convolution=convolutions())
def test_any_convolution(level: str, threads: int, convolution: tuple[Tensor, Tensor, int, int, int]) -> None:
    assert_equal(*convolution)


def test_many_pixels_channels_and_kernels(level: str, threads: int) -> None:
    kernels = pack_kernels(torch.randn(132, 160, 3, 3))
    for layout in ("contiguous", "channels_last"):
        x = laid_out(torch.randn(3, 160, 19, 17), layout)
        assert_equal(x, kernels, 1, 1)
        assert_equal(x, kernels, 2, 1)


def test_the_largest_sums(level: str) -> None:
    """Where every sign agrees, or none does, counters are fullest."""
    for channels, side in ((2048, 1), (520, 3), (40, 11)):
        x = torch.ones(1, channels, side, side)
        for sign in (1.0, -1.0):
            kernels = pack_kernels(sign * torch.ones(5, channels, side, side))
            assert sign_convolution(x, kernels).unique().tolist() == [sign * channels * side * side]


def test_a_batch_of_single_cells_and_strange_numbers(level: str) -> None:
    values = [0.0, -0.0, 1e-45, -1e-45, torch.inf, -torch.inf, 3.0, -3.0]
    x = torch.tensor(values)[torch.randint(len(values), (77, 41, 1, 1))]
    kernels = pack_kernels(torch.randn(6, 41, 1, 1))
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        assert_equal(x.to(dtype), kernels)
    assert_equal(-1e-300 * torch.ones(1, 41, 1, 1, dtype=torch.float64), kernels)
    assert_equal(torch.randint(-9, 9, (2, 41, 1, 1)), kernels)
    assert_equal(torch.randn(41, 1, 1, dtype=torch.cfloat).conj().imag[None], kernels)  # negated when it is read


def test_the_same_cells_over_and_over(level: str) -> None:
    kernels = pack_kernels(torch.randn(3, 9, 2, 2))
    assert_equal(torch.randn(1, 9, 1, 5).expand(4, 9, 6, 5), kernels)
    assert_equal(torch.randn(2, 1, 6, 5).expand(2, 9, 6, 5), kernels)


def test_kernels_in_another_order(level: str) -> None:
    kernels = pack_kernels(torch.randn(6, 20, 3, 3)).transpose(1, 2)
    assert not kernels.is_contiguous()
    assert_equal(torch.randn(2, 20, 5, 6), kernels)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("channels", [5, 64])
def test_nan_is_left_to_torch(level: str, layout: str, channels: int) -> None:
    x = torch.randn(2, channels, 9, 9)
    x[1, channels - 1, 8, 8] = torch.nan
    assert_equal(laid_out(x, layout), pack_kernels(torch.randn(4, channels, 3, 3)))


def test_the_result_keeps_the_memory_format(level: str) -> None:
    kernels = pack_kernels(torch.randn(6, 20, 3, 3))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(2, 20, 5, 6).to(memory_format=memory_format)
        assert sign_convolution(x, kernels).is_contiguous(memory_format=memory_format)


def test_what_does_not_fit_gives_the_error_of_torch(level: str) -> None:
    x, kernels = torch.randn(1, 16, 4, 4), pack_kernels(torch.randn(4, 16, 3, 3))
    for tensor, stride, groups in ((x[:, :, :2], 1, 1), (x, 1, 3), (x, 0, 1), (x[:, :5], 1, 5)):
        with pytest.raises((RuntimeError, ValueError)):
            sign_convolution(tensor, kernels, stride, groups=groups)


@needs_library
def test_the_engine_is_for_the_user_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEFIELD_ENGINE", raising=False)
    assert sign_convolution_path() == list(native.libraries())[-1]
    x, kernels = torch.randn(1, 8, 4, 4), pack_kernels(torch.randn(4, 8, 3, 3))
    for engine in ("torch", "reference"):
        monkeypatch.setenv("GATEFIELD_ENGINE", engine)
        monkeypatch.setattr(native.Library, "sign_convolution", None)
        assert sign_convolution_path() == "torch"
        assert sign_convolution(x, kernels).shape == (1, 4, 2, 2)
    monkeypatch.setenv("GATEFIELD_ENGINE", "native")
    with pytest.raises(InputError, match="can only take the torch path"):
        sign_convolution(x.to("meta"), kernels.to("meta"))
    monkeypatch.setenv("GATEFIELD_ENGINE", "warp")
    with pytest.raises(InputError, match="'warp'"):
        sign_convolution_path()


def test_without_a_library(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("GATEFIELD_ENGINE", raising=False)
    monkeypatch.setattr(native, "library", lambda: None)
    assert supported(tmp_path, native.LEVELS) == {}
    assert sign_convolution_path() == "torch"
    assert sign_convolution(torch.ones(1, 8, 2, 2), pack_kernels(torch.ones(1, 8, 2, 2))).item() == 32


def test_tensors_without_memory_take_the_torch_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEFIELD_ENGINE", raising=False)
    x, kernels = torch.randn(3, 2, 8, 4, 4), pack_kernels(torch.randn(4, 8, 3, 3))
    mapped = torch.vmap(lambda one: sign_convolution(one, kernels))(x)
    assert torch.equal(mapped, torch.stack([sign_convolution(one, kernels) for one in x]))
    x = x[0]
    with FakeTensorMode() as mode:
        fake = mode.from_tensor(x)
        assert not has_memory(fake)
        assert sign_convolution(fake, mode.from_tensor(kernels)).shape == (2, 4, 2, 2)
    program = torch.export.export(_Signs(kernels), (x,))
    assert torch.equal(program.module()(x), sign_convolution(x, kernels))


class _Signs(torch.nn.Module):
    kernels: Tensor

    def __init__(self, kernels: Tensor) -> None:
        super().__init__()
        self.register_buffer("kernels", kernels)

    def forward(self, x: Tensor) -> Tensor:
        return sign_convolution(x, self.kernels)
