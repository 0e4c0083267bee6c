"""The formulas against packed layers and against the plain loops, on random layers and on the layers of networks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from costmodels.cost import SHARED_MAPS
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.samples import EXACT_WIDTHS, random_arrays, random_image, random_layers
from costmodels.network import NetworkSpec
from costmodels.schemes import SCHEMES, Operations, Scheme
from costmodels.shapes import ConvShape
from costmodels.validation.results import Check, Tally

__all__ = ["counted_operations", "network_packing", "packed_bits", "packing_cases"]

COUNTS = ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes", "decoded")
SHARED = "codebook of the network"

Tick = Callable[[], object]


def packed_bits(cases: int, seed: int, tick: Tick = lambda: None) -> tuple[Check, ...]:
    """Random layers of every scheme packed: each component has the bits of its formula.

    Args:
        cases: layers of each scheme.
        seed: of the layers.
        tick: called after each layer.

    Raises:
        KernelError: a form was not checked.
    """
    tally = Tally("storage, packed bits")
    for shape, scheme, generator in random_layers(cases, seed, 0, channels=(24,), filters=300):
        _compare_packing(tally, shape, scheme, generator)
        tick()
    return tally.checks(SCHEMES if cases else ())


def _compare_packing(tally: Tally, shape: ConvShape, scheme: Scheme, generator: np.random.Generator) -> None:
    arrays = random_arrays(shape, scheme, generator)
    packed, used = pack_layer(shape, scheme, arrays), scheme.usage(shape, arrays)
    formula, case = scheme.storage(shape, used), f"{scheme} on {shape}"
    for component in dict.fromkeys((*formula, *packed.storage)):
        bits = formula.get(component, 0), packed.storage.get(component, 0)
        tally.compare(scheme.name, component, *bits, case)
    shared = sum(scheme.shared_storage(shape).values()), sum(stream.bits for stream in packed.shared.values())
    if any(shared):
        tally.compare(scheme.name, SHARED, *shared, case)


def counted_operations(cases: int, seed: int, tick: Tick = lambda: None) -> tuple[Check, ...]:
    """Random layers of every scheme run in plain loops, in every execution: they take what the formulas say.

    Args:
        cases: layers of each scheme.
        seed: of the layers.
        tick: called after each layer.

    Raises:
        KernelError: a form was not checked.
    """
    tally = Tally("operations, counted loops")
    for shape, scheme, generator in random_layers(cases, seed, 1, channels=(5,), filters=6, widths=EXACT_WIDTHS):
        _compare_operations(tally, shape, scheme, generator)
        tick()
    return tally.checks(SCHEMES if cases else ())


def _compare_operations(tally: Tally, shape: ConvShape, scheme: Scheme, generator: np.random.Generator) -> None:
    arrays = random_arrays(shape, scheme, generator)
    packed, used = pack_layer(shape, scheme, arrays), scheme.usage(shape, arrays)
    bits = int(generator.integers(1, 9))
    image = random_image(shape, generator, bits)
    counted = {name: run_naive(packed, image, name, bits).counter.operations(name) for name in scheme.method_names}
    formulas = {**scheme.methods(shape, bits, used), **scheme.executions(shape, bits, used)}
    if SHARED_MAPS in formulas and SHARED_MAPS not in counted:
        variants = [work for name, work in counted.items() if name not in scheme.executions(shape, bits, used)]
        counted[SHARED_MAPS] = min(variants, key=_bit_ops)
    for execution, formula in formulas.items():
        for name in COUNTS:
            case = f"{execution} of {scheme} on {shape}"
            found = getattr(counted[execution], name)
            tally.compare(scheme.name, f"{execution} {name}", getattr(formula, name), found, case)


def _bit_ops(work: Operations) -> int:
    return int(work.bit_ops)


@dataclass(frozen=True)
class _PackingCase:
    network: str
    shape: ConvShape
    scheme: Scheme


def packing_cases(networks: Iterable[NetworkSpec], largest: int | None = None) -> list[_PackingCase]:
    """The layers of networks that differ in their weights, each under every scheme that it can take.

    Args:
        networks: as traced.
        largest: most weights of a layer, without limit if not given.
    """
    cases = []
    for network in networks:
        shapes = {(layer.shape.weight_shape, layer.shape.groups): layer.shape for layer in network.layers}
        for shape in shapes.values():
            if largest is not None and shape.weights > largest:
                continue
            kinds = [kind for kind in SCHEMES.values() if shape.kernel_area > 1 or kind.takes_pointwise]
            cases += [_PackingCase(network.name, shape, kind.typical(shape)) for kind in kinds]
    return cases


def network_packing(cases: Sequence[_PackingCase], seed: int, tick: Tick = lambda: None) -> tuple[Check, ...]:
    """The layers of networks packed with random arrays, as `packing_cases` lists them."""
    tally, generator = Tally("storage, layers of the zoo"), np.random.default_rng([seed, 3])
    for case in cases:
        _compare_packing(tally, case.shape, case.scheme, generator)
        tick()
    return tally.checks()
