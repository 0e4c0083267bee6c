"""The kernels give the same results as plain Python, and compiled for a processor without vector instructions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from numba import config
from costmodels.kernels import binary
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import EXECUTIONS, run_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES

generator, layers = np.random.default_rng(11), 0
for kind in SCHEMES.values():
    for turn in range(3):
        shape = random_shape(kind, generator, channels=3)
        scheme = random_scheme(kind, shape, generator, filters=4, widths=EXACT_WIDTHS)
        packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
        image = generator.integers(-4, 4, (shape.in_channels, *shape.input_size))
        if turn == 0:
            image = 2 * (image > 0) - 1
        for execution in EXECUTIONS[kind]:
            expected = run_naive(packed, image, execution, 3).output
            for bits in (32, 3 if turn else 1):
                found = run_layer(packed, image, execution, bits)
                assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()), (scheme, execution)
                layers += 1
emitted = "" if config.DISABLE_JIT else "".join(binary._maps.inspect_asm().values())
print(layers, config.DISABLE_JIT, config.CPU_NAME, "vpopcntq" in emitted and "zmm" in emitted)
"""


INFORMATION = Path("/proc/cpuinfo")
COUNTS_IN_REGISTERS = INFORMATION.exists() and "avx512_vpopcntdq" in INFORMATION.read_text()


@pytest.mark.parametrize(
    ("setting", "printed"),
    [
        ({}, f"66 0 None {COUNTS_IN_REGISTERS}"),
        ({"NUMBA_CPU_NAME": "generic"}, "66 0 generic False"),
        ({"NUMBA_DISABLE_JIT": "1"}, "66 1 None False"),
    ],
    ids=["this processor", "generic processor", "not compiled"],
)
def test_small_layers_run_alike(setting, printed, tmp_path):
    """Layers run, how, and whether LLVM made the popcounts into those of 512-bit registers where there are any."""
    environment = {**os.environ, **setting, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == printed
