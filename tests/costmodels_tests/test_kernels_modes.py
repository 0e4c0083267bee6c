"""The kernels give the same results as plain Python, and compiled for a processor without vector instructions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys

import numpy as np
from numba import config, njit
from costmodels.kernels.engine import binary, sign_tiles
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import run_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES

generator, layers = np.random.default_rng(11), 0
for kind in (SCHEMES[name] for name in sys.argv[1:] or SCHEMES):
    for turn in range(3):
        shape = random_shape(kind, generator, channels=3)
        scheme = random_scheme(kind, shape, generator, filters=4, widths=EXACT_WIDTHS)
        packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
        image = generator.integers(-4, 4, (shape.in_channels, *shape.input_size))
        if turn == 0:
            image = 2 * (image > 0) - 1
        for execution in kind.method_names:
            expected = run_naive(packed, image, execution, 3).output
            for bits in (32, 3 if turn else 1):
                found = run_layer(packed, image.astype(np.int8), execution, bits)
                assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()), (scheme, execution)
                layers += 1
emitted = ""
if not config.DISABLE_JIT:  # one that comes from the cache shows no instructions: it is compiled once more
    again = njit(nogil=True)(binary._maps.py_func)
    for types in binary._maps.signatures:
        again.compile(types)
    emitted = "".join(again.inspect_asm().values())
counting = "vpopcntq" in emitted and "zmm" in emitted, "vpshufb" in emitted and "ymm" in emitted
print(layers, config.DISABLE_JIT, config.CPU_NAME, sign_tiles.PARTS, *counting)
"""


INFORMATION = Path("/proc/cpuinfo")
FLAGS = INFORMATION.read_text().split() if INFORMATION.exists() else []
COUNTS_WORDS = "avx512_vpopcntdq" in FLAGS
COUNTS_NIBBLES = "avx2" in FLAGS and not COUNTS_WORDS
HERE = f"{1 + COUNTS_NIBBLES} {COUNTS_WORDS} {COUNTS_NIBBLES}"
AVX2 = pytest.mark.skipif("avx2" not in FLAGS, reason="the processor has no AVX2")
ON_SIGNS = ("dense", "stacked-binary", "sparse-basis")
"""Forms that have kernels on words of signs, the only ones that know instruction sets."""


@pytest.mark.parametrize(
    ("setting", "forms", "printed"),
    [
        pytest.param({}, (), f"114 0 None {HERE}", id="this processor"),
        pytest.param(
            {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2", "NUMBA_BOUNDSCHECK": "1"},
            (),
            "114 0 haswell 2 False True",
            id="AVX2 alone, bounds checked",
            marks=AVX2,
        ),
        pytest.param(
            {"NUMBA_CPU_NAME": "generic", "NUMBA_BOUNDSCHECK": "1"},
            ON_SIGNS,
            "30 0 generic 1 False False",
            id="generic processor, bounds checked",
        ),
        pytest.param({"NUMBA_DISABLE_JIT": "1"}, (), f"114 1 None {1 + COUNTS_NIBBLES} False False", id="not compiled"),
    ],
)
def test_small_layers_run_alike(setting, forms, printed, tmp_path):
    """Layers run, how, parts of a word, and whether the popcounts are of 512-bit registers, or looked up by bytes.

    What is compiled for this processor is what all tests run, from their cache.
    """
    environment = {**os.environ, **setting, **({"NUMBA_CACHE_DIR": str(tmp_path)} if setting else {})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *forms], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == printed
