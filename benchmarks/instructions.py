"""Counts instructions of drawn layers on emulated cores, fits the table of each core, and judges it on held-out layers.

    python benchmarks/instructions.py [--programs 24] [--keep FILE] [--transposed-alone]

Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm. A program has twenty layers of random shapes and
forms next to one another, fitted to random weights; every third program is held out. The rates are least squares of
relative errors, none negative (scipy's nnls). Writes rates.json of explorer/deployment/device_code/instructions.
``--keep`` stores the counts, and reads those that it has. Transposed convolutions have programs of their own, and are
fitted to what decoding and products by the other layers' rates leave; ``--transposed-alone`` leaves the other layers'
table as it is.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from costmodels import ConvShape, CostModelError, Device, Scheme, parse_scheme
from costmodels.devices import Region
from costmodels.kernels.packing import pack_layer
from explorer.deployment.device_code.blocks import likely_block
from explorer.deployment.device_code.building import Builder
from explorer.deployment.device_code.emulation.emulate import count_instructions
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.forms import coded_filters
from explorer.deployment.device_code.instructions.amounts import DECODING, layer_amounts, step_amounts
from explorer.deployment.device_code.instructions.cycles import CYCLES
from explorer.deployment.device_code.instructions.likely import Spread, likely_step
from explorer.deployment.device_code.instructions.rates import CoreRates
from explorer.deployment.device_code.integer_network import IntegerNetwork, zero_level
from explorer.deployment.device_code.steps import (
    AddStep,
    ConvStep,
    FlattenStep,
    MaxPoolStep,
    Part,
    RescaleStep,
    SumPoolStep,
    TransposedStep,
    Window,
    conv_step,
)
from explorer.deployment.device_code.sums import Sum
from explorer.deployment.device_code.writing import write_c_folder
from explorer.deployment.packed.levels import Levels
from explorer.forms.fitting import fit
from explorer.system.errors import ExplorerError
from searches.space import DEFAULT_GRID, EXTRA_GRID

PLACE = Path(__file__).resolve().parents[1] / "explorer" / "deployment" / "device_code" / "instructions" / "rates.json"
CORES = {"cortex-m0plus": "Cortex-M0+", "cortex-m4": "Cortex-M4F", "cortex-m7": "Cortex-M7"}
LAYERS, HELD_OUT = 20, 3
TRANSPOSED = 1200
"""The first program of transposed convolutions."""

Draw = Callable[[np.random.Generator], "tuple[Any, ...] | None"]
LAYER_KERNELS, OTHER_KERNELS = ("conv", "depthwise", "single"), ("add", "flatten", "max_pool", "rescale", "sum_pool")
ROOMS = (1024, 1536, 2048, 4096, 8192, 16384)
LEVEL = 0.01
"""Distance of the levels of outputs."""

MOST_MACS = 1_500_000
LEAST_INSTRUCTIONS = 4000
"""Fewer are a hundred turns of the counter, which is too coarse to judge by."""


@dataclass(frozen=True)
class Row:
    """A step that was counted: what is known of it beforehand, what its program really had, and the instructions."""

    kernel: str
    likely: Mapping[str, float]
    real: Mapping[str, float]
    counts: Mapping[str, int]
    program: int
    said: str


def main() -> None:
    """Counts, fits, judges and writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=int, default=24)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--transposed-alone", action="store_true")
    asked = parser.parse_args()
    targets = json.loads(PLACE.read_text())["targets"] if asked.transposed_alone else ordinary(asked)
    rows = emulated(range(TRANSPOSED, TRANSPOSED + asked.programs), draw_transposed, asked.keep)
    for core, known in targets.items():
        known["rates"]["transposed"], known["held_out_transposed"] = fitted_transposed(rows, known["rates"], core)
        print(core, json.dumps(known["held_out_transposed"], indent=1))
    PLACE.write_text(json.dumps({"targets": targets}, indent=1, sort_keys=True) + "\n")


def ordinary(asked: argparse.Namespace) -> dict[str, Any]:
    """The table of all but transposed convolutions, by core."""
    rows = emulated(range(asked.programs), draw_layer, asked.keep)
    targets = {}
    for core in CORES:
        rates, judged = fitted(rows, core)
        targets[core] = {"rates": rates, "held_out": judged}
        print(core, json.dumps(judged, indent=1))
    return targets


def emulated(numbers: range, draw: Draw, keep: Path | None) -> list[Row]:
    """The steps of programs; counts that are kept are not made again."""
    rows: list[Row] = []
    path = keep and keep.with_name(f"{keep.name}-{draw.__name__}")
    kept = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    for place, number in enumerate(numbers):
        drawn = program(np.random.default_rng([11, number]), draw)
        counts = kept[place] if place < len(kept) else counted(number, drawn[0])
        if path and place >= len(kept):
            with path.open("a") as file:
                file.write(json.dumps(counts) + "\n")
        rows += counted_rows(number, *drawn, counts)
        print(f"program {number}: {len(rows)} steps in all", flush=True)
    return rows


def counted(number: int, network: IntegerNetwork) -> dict[str, list[int]]:
    """By core the instructions of every step of a program."""
    generator = np.random.default_rng([13, number])
    levels = [generator.integers(-128, 128, (1, *network.tensors[one].size)).astype(np.int8) for one in network.inputs]
    with tempfile.TemporaryDirectory() as name:
        write_c_folder(Path(name) / "c", c_folder(network, "", levels).files)
        return {core: list(count_instructions(Path(name) / "c", board(title))) for core, title in CORES.items()}


def counted_rows(
    number: int, network: IntegerNetwork, known: Mapping[str, Any], counts: Mapping[str, list[int]]
) -> Iterator[Row]:
    """The steps of a program that are judged."""
    elements = {one: tensor.elements for one, tensor in enumerate(network.tensors)}
    for index, step in enumerate(network.steps):
        own = {core: found[index] for core, found in counts.items()}
        if isinstance(step, ConvStep):
            shape, scheme, usage, room, spread = known[step.name]
            likely = layer_amounts(likely_step(shape, scheme, room, spread), shape, scheme, usage)
            yield Row(step.kernel, likely, layer_amounts(step, shape, scheme, usage), own, number, f"{shape} {scheme}")
        elif step.name.startswith("drawn"):
            amounts = step_amounts(step, elements)
            yield Row(step.kernel, amounts, amounts, own, number, step.name)


def board(core: str) -> Device:
    """One with as much memory as QEMU's boards have."""
    flash, ram = 4 << 20, 1 << 20
    regions = (Region("RAM", ram), Region("more", ram - 1))
    return Device("board", core, core, 1, 10**8, flash, flash, 2 * ram, 2 * ram, regions)


def program(generator: np.random.Generator, draw: Draw) -> tuple[IntegerNetwork, dict[str, Any]]:
    """Layers and other steps next to one another, and by name what each layer is."""
    builder, inputs, outputs, known = Builder(), [], [], {}
    while len(known) < LAYERS:
        drawn = draw(generator)
        if drawn is None:
            continue
        shape, scheme, *more = drawn
        spread = more[0] if more else None
        name, room = f"layer {len(known)}", int(generator.choice(ROOMS))
        layer = fit(generator.normal(size=shape.weight_shape).astype(np.float32), shape, scheme)
        known[name] = shape, scheme, layer.usage, room, spread
        inputs.append(_input(builder, name, (*(shape.input_values or shape.input_size), shape.in_channels)))
        packed = pack_layer(shape, scheme, layer.arrays)
        total = _layer_sum(builder, inputs[-1], name, shape, scheme, packed, room, spread)
        levels = Levels(LEVEL, int(generator.choice([0, 0, 128])), 8)
        outputs.append(_end(builder, builder.rounded(total, levels)))
    for other in range(6 if draw is draw_layer else 0):
        source, total = _other(builder, generator, other)
        inputs.append(source)
        outputs.append(_end(builder, total))
    tensors, steps = tuple(builder.tensors), tuple(builder.steps)
    return IntegerNetwork("drawn layers", tensors, steps, tuple(inputs), tuple(outputs)), known


def draw_layer(generator: np.random.Generator) -> tuple[ConvShape, Scheme] | None:
    """A layer as networks for microcontrollers have them, and a form that it can take; None where the draw is none."""
    kind = generator.choice(["conv", "tap", "each", "linear"], p=[0.4, 0.2, 0.2, 0.2])
    widths = (3, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
    inputs, outputs = (int(generator.choice(widths)) for _ in range(2))
    size = int(generator.integers(4, 29))
    kernel, groups, pad, stride = (1, 1), 1, 0, int(generator.choice([1, 1, 2]))
    if kind == "conv":
        taps = [(3, 3), (3, 3), (5, 5), (1, 5), (10, 4)]
        kernel = taps[int(generator.integers(len(taps)))]
        pad = kernel[0] // 2 if kernel != (1, 5) else 0
        inputs = int(generator.choice([1, *widths[:8]]))
    elif kind == "each":
        kernel, pad, groups, outputs = (3, 3) if generator.random() < 0.8 else (5, 5), 1, inputs, inputs
    elif kind == "linear":
        size, stride, outputs = 1, 1, int(generator.integers(4, 130))
        inputs = int(generator.choice([16, 64, 128, 256, 512]))
    if min(size + 2 * pad - kernel[0], size + (2 * pad if kernel[0] == kernel[1] else 0) - kernel[1]) < 0:
        return None
    padding = (pad, pad if kernel[0] == kernel[1] else kernel[1] // 2)
    shape = ConvShape(outputs, inputs, kernel, (size, size), (stride, stride), padding, groups=groups)
    if shape.weights * shape.output_size[0] * shape.output_size[1] > MOST_MACS or shape.weights > 40_000:
        return None
    scheme = _scheme(generator, shape)
    return None if scheme is None else (shape, scheme)


def draw_transposed(generator: np.random.Generator) -> tuple[ConvShape, Scheme, Spread] | None:
    """A transposed convolution as decoders have them: mostly of stride 2, with as many taps or up to three more."""
    widths = (3, 4, 8, 12, 16, 24, 32, 48, 64)
    inputs, outputs = (int(generator.choice(widths)) for _ in range(2))
    stride, values = int(generator.choice([2, 2, 2, 3, 4])), int(generator.integers(2, 15))
    taps, dilation = stride + int(generator.integers(0, 4)), int(generator.choice([1, 1, 1, 2]))
    groups = 1
    if generator.random() < 0.2:
        groups, outputs = inputs, inputs
    is_line = generator.random() < 0.2
    reach = dilation * (taps - 1)
    pad = int(generator.integers(0, min(reach, stride) + 1))
    size = stride * (values - 1) + reach + 1 - 2 * pad
    if size < 1:
        return None
    rows = (1, 1, 1, 1, 0) if is_line else (values, taps, size + reach, stride, reach - pad)
    shape = ConvShape(
        outputs, inputs, (rows[1], taps), (rows[2], size + reach), dilation=(1 if is_line else dilation, dilation),
        groups=groups, input_values=(rows[0], values),
    )  # fmt: skip
    if shape.dense_macs > MOST_MACS or shape.weights > 40_000 or shape.output_elements > 50_000:
        return None
    scheme = _scheme(generator, shape)
    return None if scheme is None else (shape, scheme, ((rows[3], stride), (rows[4], reach - pad)))


def _scheme(generator: np.random.Generator, shape: ConvShape) -> Scheme | None:
    grid = {**DEFAULT_GRID, **EXTRA_GRID}
    name = "dense" if generator.random() < 0.25 else str(generator.choice(list(grid)))
    drawn = ((key, choices[int(generator.integers(len(choices)))]) for key, choices in grid[name].items())
    values = ", ".join(f"{key}={value}" for key, value in drawn)
    try:
        scheme = parse_scheme(f"{name}({values})").resolve(shape)
        scheme.check(shape)
    except CostModelError:
        return None
    return scheme


def _input(builder: Builder, name: str, size: tuple[int, int, int]) -> int:
    return builder.new(f"{name} input", size, Levels(0.02, 128, 8))


def _layer_sum(
    builder: Builder,
    source: int,
    name: str,
    shape: ConvShape,
    scheme: Scheme,
    packed: Any,
    room: int,
    spread: Spread | None,
) -> Sum:
    levels = builder.tensors[source].levels
    assert levels is not None
    coded = coded_filters(packed, 255, name)
    (top, _), (left, _) = shape.pads
    stride, lead = spread or (shape.stride, (top, left))
    size = shape.input_values or shape.input_size
    window = Window(size, shape.output_size, shape.kernel, stride, shape.dilation, lead)
    make_step = TransposedStep if spread else conv_step

    def make(finish: Any, output: int) -> Any:
        taken = name, output, source, shape.in_channels, shape.groups, window, zero_level(levels)
        return likely_block(make_step(*taken, coded, str(scheme), finish), room)

    # Four standard deviations of the sums of random levels are half of the output's levels.
    spread = np.sqrt(np.square(coded.filters.astype(float)).sum(axis=(1, 2, 3)) * (256**2 / 12))
    whole = (*shape.output_size, shape.out_channels)
    factors = np.where(spread > 0, 128 * LEVEL / (4 * np.maximum(spread, 1)), 0)
    return Sum(name, make, whole, factors, np.zeros(shape.out_channels))


def _end(builder: Builder, value: Any) -> int:
    """The one pooled value that stands for a branch in the program's output."""
    height, width, channels = builder.tensors[value.tensor].size
    tensor, window = value.tensor, Window((height, width), (1, 1), (height, width), (1, 1), (1, 1), (0, 0))

    def make(finish: Any, output: int) -> Any:
        return SumPoolStep("end", output, tensor, channels, window, 0, finish)

    return builder.rounded(Sum("end", make, (1, 1, channels), np.array([0.01]), np.zeros(1)), None).tensor


def _other(builder: Builder, generator: np.random.Generator, kind: int) -> tuple[int, Any]:
    """An addition, a pooling, a copy or another order of values: what comes of an input."""
    size, channels = int(generator.integers(8, 33)), int(generator.choice([8, 16, 24, 32, 64]))
    size = min(size, 12288 // channels // size)
    name, whole = f"drawn {kind}", (size, size, channels)
    source = _input(builder, name, whole)
    if kind == 0:

        def add(finish: Any, output: int) -> Any:
            return AddStep(name, output, (source, source), (0, 0), finish)

        total = Sum(name, add, whole, np.array([0.02, 0.02]), np.zeros(1), is_addition=True)
        return source, builder.rounded(total, Levels(0.02, 128, 8))
    if kind in (1, 2, 3):
        taps = int(generator.choice([2, 3])) if kind < 3 else size
        stride, out = min(2, taps), (size - taps) // min(2, taps) + 1
        window = Window((size, size), (out, out), (taps, taps), (stride, stride), (1, 1), (0, 0))
        if kind == 1:
            tensor = builder.new(name, (out, out, channels), Levels(0.02, 128, 8))
            builder.steps.append(MaxPoolStep(name, tensor, source, channels, window))
            return source, Part.whole(tensor, (out, out, channels))

        def pool(finish: Any, output: int) -> Any:
            return SumPoolStep(name, output, source, channels, window, 0, finish)

        total = Sum(name, pool, (out, out, channels), np.array([0.02 / taps / taps]), np.zeros(1))
        return source, builder.rounded(total, Levels(0.02, 128, 8))
    if kind == 4:

        def copy(finish: Any, output: int) -> Any:
            return RescaleStep(name, output, Part.whole(source, whole), 0, finish, channels)

        return source, builder.rounded(Sum(name, copy, whole, np.array([0.02]), np.zeros(1)), Levels(0.03, 128, 8))
    tensor = builder.new(name, whole, Levels(0.02, 128, 8))
    builder.steps.append(FlattenStep(name, tensor, source, size * size, channels))
    return source, Part.whole(tensor, whole)


def fitted(rows: list[Row], core: str) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """The rates of a core, and what became of the held-out layers."""
    rates: dict[str, dict[str, float]] = {"decoding": {}}
    chosen = [row for row in rows if row.program % HELD_OUT and row.counts[core]]
    layers = [row for row in chosen if row.kernel in LAYER_KERNELS]
    for group in (layers, *([row for row in chosen if row.kernel == kernel] for kernel in OTHER_KERNELS)):
        named = [{_rate_name(row.kernel, name): value for name, value in row.real.items()} for row in group]
        names = sorted({name for row in named for name in row})
        counts = np.array([row.counts[core] for row in group])
        table = np.array([[row.get(name, 0.0) for name in names] for row in named]) / counts[:, None]
        scale = np.maximum(np.abs(table).max(axis=0), 1e-30)
        found, _ = nnls(table / scale, np.ones(len(group)), maxiter=100 * len(names))
        for (kernel, name), rate in zip(names, found / scale, strict=True):
            if rate:
                rates.setdefault(kernel, {})[name] = float(f"{rate:.6g}")
    held_out = [row for row in rows if row.program % HELD_OUT == 0 and row.counts[core] >= LEAST_INSTRUCTIONS]
    judged = [row for row in held_out if row.kernel in LAYER_KERNELS]
    return rates, {
        "layers": len(judged),
        "within_10_percent": _share(judged, rates, core, "real"),
        "within_10_percent_before_fitting": _share(judged, rates, core, "likely"),
    }


def fitted_transposed(
    rows: list[Row], known: Mapping[str, Mapping[str, float]], core: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """The rates of transposed convolutions on a core, and what became of the held-out ones."""
    products = {name: rate for name, rate in known["conv"].items() if name.startswith("values multiplied")}
    shared = CoreRates(core, {"decoding": known["decoding"], "conv": products}, CYCLES[core], {})
    chosen = [row for row in rows if row.program % HELD_OUT]
    counts = np.array([row.counts[core] for row in chosen])
    left = counts - np.array([shared.instructions("conv", row.real) for row in chosen])
    names = {name for row in chosen for name in row.real if not name.startswith(DECODING)}
    names = sorted(names - set(products))
    table = np.array([[row.real.get(name, 0.0) for name in names] for row in chosen]) / counts[:, None]
    scale = np.maximum(np.abs(table).max(axis=0), 1e-30)
    found, _ = nnls(table / scale, left / counts, maxiter=100 * len(names))
    own = {name: float(f"{rate:.6g}") for name, rate in zip(names, found / scale, strict=True) if rate}
    own |= products  # by the same functions
    rates = {"decoding": known["decoding"], "transposed": own}
    judged = [row for row in rows if row.program % HELD_OUT == 0 and row.counts[core] >= LEAST_INSTRUCTIONS]
    return own, {
        "layers": len(judged),
        "within_10_percent": _share(judged, rates, core, "real"),
        "within_10_percent_before_fitting": _share(judged, rates, core, "likely"),
    }


def _rate_name(kernel: str, amount: str) -> tuple[str, str]:
    """What decoding takes is the same in every kernel."""
    return ("decoding" if amount.startswith(DECODING) else kernel), amount


def _share(rows: list[Row], rates: Mapping[str, Mapping[str, float]], core: str, which: str) -> float:
    """The share of steps predicted within 10%; prints the worst."""
    errors = []
    for row in rows:
        said = CoreRates(core, rates, CYCLES[core], {}).instructions(row.kernel, getattr(row, which))
        errors.append((said / row.counts[core] - 1, row))
    for error, row in sorted(errors, key=lambda item: -abs(item[0]))[:12]:
        print(f"  {core} {which} {error:+.1%} of {row.counts[core]:,}: {row.kernel} {row.said}")
    return round(sum(abs(error) <= 0.1 for error, _ in errors) / len(errors), 4)


if __name__ == "__main__":
    try:
        main()
    except ExplorerError as error:
        raise SystemExit(str(error)) from error
