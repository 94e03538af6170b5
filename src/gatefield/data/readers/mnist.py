"""MNIST: handwritten digits of 28 x 28 pixels."""

from __future__ import annotations

from ..fetch import Download
from .idx import IdxReader

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")


def _file(name: str, md5: str, size: int) -> Download:
    return Download(name, [mirror + name for mirror in _MIRRORS], f"md5:{md5}", size)


class Mnist(IdxReader):
    """60,000 training and 10,000 test images of handwritten digits, 28 x 28 grey.

    Args:
        path: the folder of the four files.
        size: height and width to scale to, bilinear; 28 if None.

    Reference: LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document recognition.
    """

    name = "mnist"
    folder = "mnist"
    licence = "Copyright Yann LeCun and Corinna Cortes; commonly stated as CC BY-SA 3.0"
    homepage = "https://yann.lecun.com/exdb/mnist/"
    downloads = (
        _file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb54873", 9912422),
        _file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28881),
        _file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1648877),
        _file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4542),
    )
