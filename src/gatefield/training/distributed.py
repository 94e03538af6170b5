"""Several processes on one or more machines, started by ``torchrun``, that train one model together.

Each process sees its part of every mini-batch. The loop scales each process's loss by its share and sums gradients over
the processes: the gradient of the whole mini-batch, exactly, also where a last batch does not divide evenly. Batch
normalization is the exception: its statistics are a process's own, and those of the leader are the ones kept.

Gradients are summed once, after the backward pass, and not by DistributedDataParallel: a model may leave some of its
parameters out, and keeps its own attributes. The price is that summing does not overlap the backward pass.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed, nn

from ..core.errors import InputError


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; by default it is alone.

    Attributes:
        rank: its number; number 0 leads: it alone writes files and talks.
        count: how many there are.
        device: the device of this process's part.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of ``tensor`` over the processes; ``tensor`` itself is overwritten."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def share_bytes(self, content: bytes | None) -> bytes | None:
        """The leader's ``content``, in every process."""
        if self.count == 1:
            return content
        length = torch.tensor([-1 if content is None else len(content)], device=self.device)
        distributed.broadcast(length, 0)
        if length.item() < 0:
            return None
        buffer = torch.zeros(int(length.item()), dtype=torch.uint8, device=self.device)
        if self.leads and content:
            buffer.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        distributed.broadcast(buffer, 0)
        return buffer.cpu().numpy().tobytes()

    def share_text(self, text: str) -> str:
        """The leader's ``text``, in every process: the run folder, for example."""
        return (self.share_bytes(text.encode()) or b"").decode()

    def share_weights(self, model: nn.Module, buffers_only: bool = False) -> None:
        """Give ``model`` the leader's parameters and buffers in every process."""
        if self.count == 1:
            return
        tensors = [*model.buffers()] if buffers_only else [*model.parameters(), *model.buffers()]
        for tensor in tensors:
            distributed.broadcast(tensor.detach(), 0)

    def sum_gradients(self, model: nn.Module) -> None:
        """Sum the gradients of ``model`` over the processes; one that no process has stays None."""
        if self.count == 1:
            return
        parameters = list(model.parameters())
        present = torch.tensor([parameter.grad is not None for parameter in parameters], device=self.device)
        present = self.sum(present.int()).bool().tolist()
        by_type: dict[torch.dtype, list[nn.Parameter]] = {}
        for parameter, wanted in zip(parameters, present):
            if wanted:
                by_type.setdefault(parameter.dtype, []).append(parameter)
        for sharing in by_type.values():
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in sharing]
            whole = self.sum(torch.cat([gradient.reshape(-1) for gradient in gradients]))
            for parameter, gradient, part in zip(sharing, gradients, whole.split([g.numel() for g in gradients])):
                parameter.grad = gradient.copy_(part.view(gradient.shape))


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """The processes that ``torchrun`` started, joined while the block runs; this one alone without ``torchrun``.

    Args:
        device: the kind of device; each process of a machine takes the GPU of its own number.

    Raises:
        InputError: more processes on this machine than GPUs.
    """
    if "WORLD_SIZE" not in os.environ or "RANK" not in os.environ:
        yield Processes(device=device)
        return
    rank, count, local_rank = (int(os.environ[key]) for key in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if device.type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise InputError(
                f"process {local_rank} of this machine has no GPU: there are {torch.cuda.device_count()}",
                hint=f"start torchrun with --nproc-per-node {torch.cuda.device_count()}, or use --device cpu",
            )
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
    # The defaults of its functions are the group that exists when it is imported. An import after the next line, by an
    # optimizer for example, would keep the group's threads alive into the end of the interpreter, which may then abort.
    importlib.import_module("torch.distributed.nn")
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, rank=rank, world_size=count, timeout=datetime.timedelta(minutes=30))
    try:
        yield Processes(rank, count, device)
    finally:
        distributed.destroy_process_group()
