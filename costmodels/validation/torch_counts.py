"""The formulas against FlopCounterMode and fvcore, on every execution expanded into torch operations."""

from collections.abc import Callable

import numpy as np
import torch

from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_image, random_layers
from costmodels.schemes import SCHEMES, Operations, Scheme
from costmodels.shapes import ConvShape
from costmodels.validation.counters import TorchCounts, count_fvcore, count_torch
from costmodels.validation.expansions import EXPANSIONS, Layer, Phase
from costmodels.validation.results import Check, Tally

__all__ = ["COUNTS", "operations_of", "torch_operations"]

COUNTS = ("macs", "additions", "multiplications", "bit_ops")
"""What other counters can count; scratch is not theirs to see."""


def torch_operations(cases: int, seed: int, tick: Callable[[], object] = lambda: None) -> tuple[Check, ...]:
    """Random layers of every scheme in every execution, counted by FlopCounterMode and by fvcore.

    The expansion also gives the layer's output, which equals that of the plain loops: it is that layer and no other.

    Args:
        cases: layers of each scheme.
        seed: of the layers.
        tick: called after each layer.

    Raises:
        KernelError: a form was not checked.
    """
    torch_tally, fvcore_tally = Tally("operations, FlopCounterMode"), Tally("operations, fvcore")
    results = Tally("result of the expansion")
    for shape, scheme, generator in random_layers(cases, seed, 2, channels=(4,), filters=4, widths=EXACT_WIDTHS):
        _check_layer(shape, scheme, generator, torch_tally, fvcore_tally, results)
        tick()
    forms = SCHEMES if cases else ()
    return *torch_tally.checks(forms), *fvcore_tally.checks(forms), *results.checks(forms)


def _check_layer(
    shape: ConvShape,
    scheme: Scheme,
    generator: np.random.Generator,
    torch_tally: Tally,
    fvcore_tally: Tally,
    results: Tally,
) -> None:
    packed = pack_layer(shape, scheme, random_arrays(shape, scheme, generator))
    arrays, image, bits = unpack_layer(packed), random_image(shape, generator), int(generator.integers(1, 9))
    formulas = scheme.methods(shape, bits, scheme.usage(shape, arrays))
    for execution, expand in EXPANSIONS[scheme.name].items():
        case = f"{execution} of {scheme} on {shape}"
        expansion = expand(Layer(shape, scheme, arrays, bits))
        tensors: tuple[torch.Tensor, ...] = (torch.from_numpy(image).double(),)
        counted: list[tuple[Phase, TorchCounts, TorchCounts]] = []
        for phase in expansion.phases:
            by_fvcore = count_fvcore(phase.run, tensors)
            by_torch, tensors = count_torch(phase.run, tensors)
            counted.append((phase, by_torch, by_fvcore))
        formula = formulas[execution]
        of_torch = operations_of([(phase, counts) for phase, counts, _ in counted])
        # What fvcore skips, and says so, is exactly what the other counter finds in that phase.
        of_fvcore = operations_of([(phase, other if counts.skipped else counts) for phase, other, counts in counted])
        for name in COUNTS:
            component, own = f"{execution} {name}", getattr(formula, name)
            torch_tally.compare(scheme.name, component, own, getattr(of_torch, name), case)
            fvcore_tally.compare(scheme.name, component, own, getattr(of_fvcore, name), case)
        output = tensors[0]
        if expansion.requantization is not None:
            output = output * expansion.requantization[:, None, None]
        expected = run_naive(packed, image, execution, bits).output
        results.compare(scheme.name, execution, float(np.abs(output.numpy() - expected).max()), 0.0, case)


def operations_of(counted: list[tuple[Phase, TorchCounts]]) -> Operations:
    """What counters counted, by the conventions: an accumulation under one bit is an addition, and no MAC."""
    macs = additions = multiplications = bit_ops = 0
    for phase, counts in counted:
        if phase.weight_bits == 1:
            additions += counts.accumulations
        else:
            macs += counts.accumulations
        additions += counts.additions
        multiplications += counts.multiplications
        products = counts.accumulations + counts.multiplications
        bit_ops += products * phase.weight_bits * phase.value_bits + counts.additions * phase.value_bits
    return Operations(macs=macs, additions=additions, multiplications=multiplications, bit_ops=bit_ops)
