"""Kernels of convolutions over random layers: every way to read windows, on this machine and on emulated cores.

Layers stand next to one another in one program, so that a compiler runs once for many of them.
"""

import shutil
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from costmodels import Dense, load_device
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.samples import random_arrays
from costmodels.shapes import ConvShape
from explorer.deployment.device_code.arena import live_tensor_bytes, plan_arena
from explorer.deployment.device_code.blocks import with_blocks
from explorer.deployment.device_code.building import Builder
from explorer.deployment.device_code.emulation.emulate import emulate
from explorer.deployment.device_code.emulation.tools import COMPILER, EMULATOR
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.integer_network import IntegerNetwork
from explorer.deployment.device_code.steps import ConvStep, DepthwiseStep, SingleStep, TransposedStep, Window
from explorer.deployment.device_code.writing import write_c_folder

needs_tools = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason="needs apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm",
)

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")

LARGEST = (0.05, 1.0, 8.0, 400.0)
"""Of outputs: from all on a few levels to nearly all clipped, where multipliers do not fit the quick way."""


def pair(generator, low, high):
    return int(generator.integers(low, high)), int(generator.integers(low, high))


def pointwise(generator, bits):
    """One tap; whole words of codes, strides, and numbers of places that four does not divide."""
    inputs, outputs = int(32 // bits * generator.integers(1, 4)), int(generator.integers(1, 9))
    return ConvShape(outputs, inputs, (1, 1), pair(generator, 1, 7), pair(generator, 1, 3), (0, 0), (1, 1), 1), Dense(
        bits
    )


def depthwise(generator, bits):
    """Each channel by itself: 3 by 3 side by side in half of the cases, maps of fewer rows than a band."""
    channels = int(generator.integers(1, 7))
    usual = generator.random() < 0.5
    kernel = (3, 3) if usual else pair(generator, 1, 6)
    stride = (1, 1) if usual else pair(generator, 1, 4)
    padding = tuple(int(generator.integers(0, size)) for size in kernel)
    size = tuple(size + int(generator.integers(0, 9)) for size in kernel)
    return ConvShape(channels, channels, kernel, size, stride, padding, (1, 1), channels), Dense(bits)


def windows(generator, bits):
    """Any other: groups, dilations, one channel, quads and no quads of channels, one place."""
    groups = int(generator.choice([1, 1, 2, 3]))
    inputs, outputs = int(generator.choice([1, 3, 4, 8])) * groups, int(generator.integers(1, 12)) * groups
    kernel, dilation = pair(generator, 1, 5), pair(generator, 1, 3)
    padding = tuple(int(generator.integers(0, size)) for size in kernel)
    more = pair(generator, 0, 6)
    size = tuple(1 + step * (taps - 1) + extra for step, taps, extra in zip(dilation, kernel, more, strict=True))
    return ConvShape(outputs, inputs, kernel, size, pair(generator, 1, 4), padding, dilation, groups), Dense(bits)


def single(generator, bits):
    """One place: codes in whole words and others, groups, windows over an edge."""
    groups = int(generator.choice([1, 1, 2]))
    inputs = groups * int(generator.choice([1, 3, 32 // bits, 640 // bits]))
    kernel = (1, 1) if generator.random() < 0.7 else pair(generator, 1, 4)
    padding = tuple(int(generator.integers(0, size)) for size in kernel)
    size = tuple(max(taps - pads, 1) for taps, pads in zip(kernel, padding, strict=True))
    return ConvShape(
        groups * int(generator.integers(1, 9)), inputs, kernel, size, (9, 9), padding, (1, 1), groups
    ), Dense(bits)


def transposed(generator, bits):
    """Every kind of phase: without taps, without values, of outputs that values are cut off from; groups, dilations."""
    groups = int(generator.choice([1, 1, 2, 4]))
    inputs, outputs = int(generator.choice([1, 3, 4, 32 // bits])) * groups, int(generator.integers(1, 9)) * groups
    values, kernel, stride = pair(generator, 1, 5), pair(generator, 1, 5), pair(generator, 1, 4)
    dilation = pair(generator, 1, 3)
    reach = [step * (taps - 1) for step, taps in zip(dilation, kernel, strict=True)]
    whole = [step * (count - 1) + more + 1 for step, count, more in zip(stride, values, reach, strict=True)]
    padding = [int(generator.integers(0, (size + 1) // 2)) for size in whole]  # an output is left
    added = [int(generator.integers(0, step)) for step in stride]
    size = tuple(one - 2 * pad + more for one, pad, more in zip(whole, padding, added, strict=True))
    spread = tuple(out + more for out, more in zip(size, reach, strict=True))
    shape = ConvShape(outputs, inputs, kernel, spread, dilation=dilation, groups=groups, input_values=values)
    lead = tuple(more - pad for more, pad in zip(reach, padding, strict=True))
    return shape, Dense(bits), Window(values, size, kernel, stride, dilation, lead)


KINDS = {
    "pointwise": (pointwise, ConvStep),
    "depthwise": (depthwise, DepthwiseStep),
    "windows": (windows, ConvStep),
    "single": (single, SingleStep),
    "transposed": (transposed, TransposedStep),
}


def random_network(names, cases, add_layer):
    """Layers of some kinds, of every width of weights, next to one another."""
    builder, inputs, outputs = Builder(), [], []
    for name in names:
        for turn in range(cases):
            generator = np.random.default_rng([11, turn, *name.encode()])
            shape, scheme, *window = KINDS[name][0](generator, (1, 2, 4, 8)[turn % 4])
            packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
            largest = LARGEST[turn // 4 % len(LARGEST)]
            source, found, _ = add_layer(builder, packed, generator, f"{name} {turn}", largest, None, *window)
            inputs.append(source)
            outputs += found
    return IntegerNetwork("layers", tuple(builder.tensors), tuple(builder.steps), tuple(inputs), tuple(outputs))


def widened(step):
    """A step whose decoded filters have 16 bits a weight."""
    return replace(step, is_wide=True) if isinstance(step, ConvStep) else step


@pytest.fixture
def scratch_at_the_end(monkeypatch):
    """Lays every step's scratch at the end of the arena, where a byte too many is one that the test guards."""

    def plan(network, steps=None):
        found, steps = plan_arena(network, steps), steps or network.steps
        first = -(-found.bytes // 4) * 4
        end = first + -(-max(step.work_bytes for step in steps) // 4) * 4
        scratch = {index: end - -(-steps[index].work_bytes // 4) * 4 for index in found.scratch}
        return replace(found, scratch=scratch, bytes=end)

    monkeypatch.setattr("explorer.deployment.device_code.program.plan_arena", plan)
    monkeypatch.setattr("explorer.deployment.device_code.host.prepared.plan_arena", plan)


@pytest.mark.usefixtures("scratch_at_the_end")
@pytest.mark.parametrize("name", KINDS)
def test_kernels_give_what_the_integer_network_gives(name, run_c, add_layer, random_levels):
    network = random_network([name], 48, add_layer)
    kinds = [type(step) for step in network.steps if isinstance(step, ConvStep)]
    assert kinds.count(KINDS[name][1]) > len(kinds) // 2
    # Four filters at once, as many as there is room for, and codes of 16 bits.
    wide = replace(network, steps=tuple(map(widened, network.steps)))
    for one in (network, with_blocks(network), wide):
        folder = c_folder(one, "", random_levels(one, 3))
        assert run_c(folder.files) == (0, "3 of 3 test vectors are right")


PATHS = {"plain": 0, "AVX2": 1, "AVX-512": 2}
NEEDED = {"plain": set(), "AVX2": {"avx2"}, "AVX-512": {"avx512f", "avx512bw", "avx512vl", "avx512_vnni"}}


def processor_flags():
    """What Linux says of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line.split() for line in lines if line.startswith("flags")), []))


@pytest.mark.usefixtures("scratch_at_the_end")
@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_wide_vectors_gives_what_the_integer_network_gives(
    path, run_c, add_layer, random_levels, monkeypatch
):
    missing = NEEDED[path] - processor_flags()
    if missing:
        pytest.skip(f"needs a processor with {', '.join(sorted(missing))}")
    # A few rows at once, so that bands follow one another, and lines of a few places.
    monkeypatch.setattr("explorer.deployment.device_code.host.wide_step.BAND_BYTES", 300)
    monkeypatch.setattr("explorer.deployment.device_code.host.wide_step.LINE_PLACES", 5)
    network = random_network(KINDS, 16, add_layer)
    files = c_folder(network, "", random_levels(network, 3)).files
    source = "filterfront_wide.c"
    forced = {**files, source: f"#define FILTERFRONT_PATH {PATHS[path]}\n".encode() + files[source]}
    assert run_c(forced) == (0, "3 of 3 test vectors are right")


@needs_tools
@pytest.mark.parametrize("device", ["rp2040", "stm32l4r5", "stm32f746"])
def test_kernels_of_every_core_give_what_the_integer_network_gives(device, tmp_path, add_layer, random_levels):
    network = random_network(KINDS, 16, add_layer)
    steps = tuple(widened(step) if turn % 4 == 3 else step for turn, step in enumerate(network.steps))
    network = with_blocks(replace(network, steps=steps))
    write_c_folder(tmp_path / "c", c_folder(network, "", random_levels(network, 2)).files)
    found = emulate(tmp_path / "c", load_device(device))
    assert (found.vectors, found.wrong) == (2, 0)


STORE = """
#include <stdio.h>
#include "filterfront_kernels.h"

int main(void)
{
    static const int16_t multiplier = 8, bias = 0;
    static const float range[2] = {-1e30F, 3e17F};
    static const int64_t values[] = {@VALUES@};
    const filterfront_output_t out = {.multipliers = &multiplier, .biases = &bias, .range = range, .shift = 3};
    for (size_t index = 0; index < sizeof values / sizeof values[0]; ++index) {
        uint32_t bits;
        float output;
        filterfront_store(&out, 0, 3, values[index], &output, 0);
        (void)memcpy(&bits, &output, sizeof bits);
        (void)printf("%lu ", (unsigned long)bits);
    }
    return 0;
}
"""


def test_floats_are_made_of_integers_by_one_rounding(tmp_path):
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        pytest.skip("needs a C compiler: apt-get install gcc")
    # Halves between floats of 24 bits, carries into the next power of two, the largest and the smallest sums.
    edges = [0, 1, 3, 2**23, 2**24 - 1, 2**24 + 1, 2**24 + 3, 2**25 - 1, 2**25 + 2, 2**25 + 6, 2**40 + 2**15, 2**62]
    drawn = np.random.default_rng(3).integers(-(2**62), 2**62, 200) >> np.arange(200) % 60
    values = [sign * value for value in edges for sign in (1, -1)] + drawn.tolist()
    kernels = resources.files("explorer.deployment.device_code") / "kernels"
    (tmp_path / "main.c").write_text(STORE.replace("@VALUES@", ", ".join(f"INT64_C({value})" for value in values)))
    sources = [f"-I{kernels}", "main.c", str(kernels / "filterfront_kernels.c")]
    command = [compiler, "-std=c99", "-fsanitize=undefined", *sources]
    assert subprocess.run([*command, "-o", "main"], cwd=tmp_path).returncode == 0
    said = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True).stdout
    # A value / 2^3 as float32, up to the greatest float of the range.
    wanted = np.minimum(np.array(values).astype(np.float32) * np.float32(0.125), np.float32(3e17))
    assert [int(word) for word in said.split()] == wanted.view(np.uint32).tolist()


@needs_tools
@pytest.mark.parametrize("options", ["-mcpu=cortex-m0plus -O2", "-mcpu=cortex-m4 -O2", "-mcpu=cortex-m4 -O0"])
def test_kernels_compile_for_arm_without_a_warning(options, tmp_path):
    sources = [str(path) for path in (resources.files("explorer.deployment.device_code") / "kernels").iterdir()]
    sources = [path for path in sources if path.endswith(".c")]
    command = [COMPILER, "-mthumb", *options.split(), *WARNINGS, "-c", *sources]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")


def test_more_filters_at_once_take_no_memory_that_others_leave_free(add_layer):
    network = random_network(["windows"], 12, add_layer)
    chosen = with_blocks(network)
    assert [step.name for step in chosen.steps] == [step.name for step in network.steps]
    pairs = [(after, before) for after, before in zip(chosen.steps, network.steps, strict=True) if before.macs]
    assert any(after.at_once > before.at_once for after, before in pairs)
    # Scratch grows to 1,024 bytes, to a tenth of what is live, or to what a step takes that decodes one filter alone.
    tensors = live_tensor_bytes(network)
    least = [max(replace(step, most_at_once=1).work_bytes if step.macs else 0, 1024) for step in network.steps]
    limit = max(live + scratch for live, scratch in zip(tensors, least, strict=True))
    assert max(tensors) <= 10 * 1024
    assert plan_arena(chosen).live_bytes <= limit
