"""Grad-CAM of a batch, against one forward and backward pass of the bare network.

    python bench/grad_cam.py            measure and judge
    python bench/grad_cam.py --json     the same as one line for programs

ResNet-18, 16 pictures of 224x224, the last spatial layer. The bare pass is the scores' gradient with respect to the
parameters, as training has it; the forward pass alone is reported beside it. Contestants run in turn in one process;
what counts is the ratio within a round, its median over the rounds. Before anything is timed, the map is compared with
one written out by hand.

Exit status: 0 measured and within the limit, 1 the comparison failed before measuring or the limit was missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import torch
from alternate import alternate
from limits import Limit, judge

from gatefield.core.console import Console
from gatefield.explain.cam import CAM
from gatefield.explain.grad_cam import GradCAM
from gatefield.explain.grad_cam_plus_plus import GradCAMPlusPlus
from gatefield.models.vision.resnet import ResNet

LIMITS = [Limit("grad-cam", "forward and backward", 1.15)]
REPORTED = [("grad-cam", "forward"), ("grad-cam-plus-plus", "forward"), ("cam", "forward")]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (default 7)")
    parser.add_argument("--json", action="store_true", help="print one JSON line on stdout, the table on stderr")
    options = parser.parse_args()
    console = Console()
    torch.manual_seed(0)
    model = ResNet(input_shape=(3, 224, 224), classes=1000, blocks=[2, 2, 2, 2]).eval()
    x, target = torch.randn(16, 3, 224, 224), torch.arange(16)

    def forward() -> None:
        with torch.no_grad():
            model(x)

    def forward_and_backward() -> None:
        total = model(x).gather(1, target[:, None]).sum()
        torch.autograd.grad(total, list(model.parameters()))

    f = model.stages(model.stem(x)).detach().requires_grad_()
    total = model.classifier(f).gather(1, target[:, None]).sum()
    alpha = torch.autograd.grad(total, f)[0].mean((2, 3), keepdim=True)
    expected = (alpha * f).sum(1).relu().detach()
    if not torch.allclose(GradCAM(enlarge=False).attribute(model, x, target), expected, rtol=1e-4, atol=1e-6):
        console.warn("nothing is reported: Grad-CAM is not the map that its equation gives")
        return 1
    contestants = {"forward": forward, "forward and backward": forward_and_backward}
    for method in (CAM(), GradCAM(), GradCAMPlusPlus()):
        contestants[method.name] = lambda method=method: method.attribute(model, x, target)
    timings = alternate(contestants, options.rounds)
    verdicts = judge(LIMITS, timings, counts=True)
    facts = [f"{a} / {b}: {timings.ratio(a, b).median:.2f}, without a limit" for a, b in REPORTED]
    facts += [f"{name}: {1000 * timings.median(name):.0f} ms" for name in contestants]
    if options.json:
        console.json({"bench": "grad_cam", "verdicts": [dataclasses.asdict(v) for v in verdicts], "facts": facts})
    else:
        console.result("\n".join([*map(str, verdicts), *facts]))
    return int(any(verdict.passed is False for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
