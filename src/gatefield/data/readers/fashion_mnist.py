"""Fashion-MNIST: articles of clothing of 28 x 28 pixels."""

from __future__ import annotations

from ..fetch import Download
from .idx import IdxReader

_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def _file(name: str, md5: str, size: int) -> Download:
    return Download(name, [mirror + name for mirror in _MIRRORS], f"md5:{md5}", size)


class FashionMnist(IdxReader):
    """60,000 training and 10,000 test images of ten kinds of clothing, 28 x 28 grey.

    Args:
        path: the folder of the four files.
        size: height and width to scale to, bilinear; 28 if None.

    Reference: Xiao, Rasul and Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747.
    """

    name = "fashion-mnist"
    folder = "fashion-mnist"
    licence = "MIT (Zalando SE)"
    homepage = "https://github.com/zalandoresearch/fashion-mnist"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    downloads = (
        _file("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880),
        _file("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29515),
        _file("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4422102),
        _file("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5148),
    )
