"""The optional native kernels; everything else about the package is in pyproject.toml.

They are compiled for several instruction sets, and the best is chosen when it is loaded. Where there is no C++
compiler the installation goes on without it. For development: python setup.py build_ext --inplace
"""

import platform
import sys

from setuptools import Extension, setup

FLAGS: dict[str, list[str]] = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS["avx2"] = ["-march=x86-64-v3"]
    FLAGS["avx512"] = ["-march=x86-64-v4", "-mprefer-vector-width=512"]

# NaN, infinities and the order of sums stay as written; only what changes no result is given up: errno, traps, -0.
COMMON = ["-O3", "-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fno-signed-zeros"]
COMMON += ["-fopenmp-simd"]  # loops that are said to be vectors; needs no library
OPENMP = ["-fopenmp"] if sys.platform == "linux" else []
FOLDER = "src/gatefield/recurrent/native"
HEADERS = ("program", "convolution", "elementwise", "team", "gemm", "tiles", "bfloat16", "operations", "vector_math")
SIGNS = "src/gatefield/functional/native"
SIGN_HEADERS = ("interface", "sign_convolution", "pack", "tile", "count_anywhere", "count_avx2", "count_avx512")
LANE_HEADERS = ("lanes", "deformable_sampling", "max_pooling", "few_channels")
SIGN_FLAGS = {level: flags for level, flags in FLAGS.items() if level != "avx512"}
if "avx512" in FLAGS:
    SIGN_FLAGS["avx512_vpopcntdq"] = [*FLAGS["avx512"], "-mavx512vpopcntdq"]

setup(
    ext_modules=[
        Extension(
            f"gatefield.recurrent.native._{level}",
            sources=[f"{FOLDER}/{level}.cpp"],
            depends=[f"{FOLDER}/{name}.h" for name in HEADERS],
            extra_compile_args=[*COMMON, "-fvisibility=hidden", *OPENMP, *flags],
            extra_link_args=OPENMP,
            language="c++",
            optional=True,
        )
        for level, flags in FLAGS.items()
    ]
    + [
        Extension(
            f"gatefield.functional.native._{level}",
            sources=[f"{SIGNS}/{level}.cpp"],
            depends=[f"{SIGNS}/{name}.h" for name in (*SIGN_HEADERS, *LANE_HEADERS)],
            extra_compile_args=[*COMMON, "-fvisibility=hidden", *OPENMP, *flags],
            extra_link_args=OPENMP,
            language="c++",
            optional=True,
        )
        for level, flags in SIGN_FLAGS.items()
    ]
)
