"""What every fitting method owes: one suite, run on each registered scheme."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from costmodels.codes import code_levels
from costmodels.errors import SchemeError
from costmodels.numbers import ceil_log2
from costmodels.schemes import (
    SCHEMES,
    Dense,
    LegoNet,
    LinearRepresentation,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
)
from costmodels.shapes import ConvShape
from explorer.errors import FittingError
from explorer.forms.fitting import METHODS, fit, rebuild

SHAPES = {
    "plain": ConvShape(8, 6, (3, 3), (8, 8)),
    "groups": ConvShape(8, 12, (3, 3), (8, 8), groups=2),
    "depthwise": ConvShape(6, 6, (3, 3), (8, 8), groups=6),
    "one channel": ConvShape(8, 1, (5, 5), (8, 8)),
    "one filter": ConvShape(1, 4, (3, 3), (8, 8)),
    "rectangular": ConvShape(6, 4, (1, 5), (8, 8)),
    "linear": ConvShape.linear(10, 16),
}


def _half(shape: ConvShape) -> int:
    """Segment channels: half a group, or all of it where it does not halve."""
    return shape.group_inputs // 2 if shape.group_inputs % 2 == 0 else shape.group_inputs


CASES: dict[type[Scheme], list[Callable[[ConvShape], Scheme]]] = {
    Dense: [
        *(lambda shape, bits=bits: Dense(bits) for bits in (1, 2, 3, 8, 16, 32)),
        lambda shape: Dense(4, "layer"),
        lambda shape: Dense(4, "none"),
    ],
    Pruned: [
        *(lambda shape, bits=bits: Pruned(0.3, bits) for bits in (1, 2, 4, 32)),
        lambda shape: Pruned(0.25, 4, "index"),
        lambda shape: Pruned(0.5, 8, "index", "layer"),
        lambda shape: Pruned(0.5, 4, "bitmap", "none"),
    ],
    StackedBinary: [
        *(lambda shape, scale=scale: StackedBinary(_half(shape), 3, scale) for scale in ("none", "filter", "segment")),
        lambda shape: StackedBinary(_half(shape), 5, "filter", "one-hot"),
        lambda shape: StackedBinary(shape.group_inputs, 1, "segment", "uncounted"),
    ],
    LegoNet: [
        *(lambda shape, scale=scale: LegoNet(_half(shape), 3, scale) for scale in ("none", "filter", "segment")),
        lambda shape: LegoNet(shape.group_inputs, 40),
    ],
    LinearRepresentation: [
        *(lambda shape, bits=bits: LinearRepresentation(5, bits, 8) for bits in (1, 6, 32)),
        *(lambda shape, bits=bits: LinearRepresentation(5, 8, bits) for bits in (1, 2, 32)),
        lambda shape: LinearRepresentation(300, 8, 8, "uncounted"),
        lambda shape: LinearRepresentation(5, 8, 8, offset=False),
    ],
    SparseBasis: [
        *(
            lambda shape, bits=bits: SparseBasis(_half(shape), 4, bits[0], 0.5, bits[1])
            for bits in ((1, 8), (2, 2), (4, 4), (8, 32), (32, 4), (32, 32), (1, 1))
        ),
        lambda shape: SparseBasis(_half(shape), 4, 4, 0.3, 4, "index", "filter"),
        lambda shape: SparseBasis(shape.group_inputs, 70, 8, 0.6, 8, "dense"),
        *(lambda shape, bits=bits: SparseBasis(_half(shape), 4, 8, 0.5, bits, "dense") for bits in (1, 2)),
        lambda shape: SparseBasis(shape.group_inputs, 1, 8, 0.01, 8, "index"),
    ],
}


def code_widths(scheme: Scheme) -> dict[str, int]:
    """Bits of every array of codes."""
    match scheme:
        case Dense() | Pruned():
            return {"weights": scheme.weight_bits}
        case StackedBinary() | LegoNet():
            return {"bank": scheme.filter_bits}
        case LinearRepresentation():
            return {
                "templates": scheme.template_bits,
                "a": scheme.coefficient_bits,
                "b": scheme.coefficient_bits,
            }
        case SparseBasis():
            return {"basis": scheme.basis_bits, "coefficients": scheme.coefficient_bits}
    raise AssertionError(f"no codes known for {scheme}")


def has_fixed_size(scheme: Scheme) -> bool:
    """Whether codes stand for themselves, so that only weights of their size fit well."""
    return scheme.parameters().get("scale") == "none" and 32 not in code_widths(scheme).values()


PAIRS = [
    pytest.param(shape, build(shape), id=f"{name}-{build(shape)}")
    for builds in CASES.values()
    for build in builds
    for name, shape in SHAPES.items()
    if not (isinstance(build(shape), LinearRepresentation) and shape.kernel_area == 1)
]
on_every_pair = pytest.mark.parametrize(("shape", "scheme"), PAIRS)
on_every_scaled_pair = pytest.mark.parametrize(
    ("shape", "scheme"), [pair for pair in PAIRS if not has_fixed_size(pair.values[1])]
)


def gaussian(shape: ConvShape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape.weight_shape).astype(np.float32)


def packed_bits(shape: ConvShape, scheme: Scheme, arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Bits by component, counted from the arrays alone and the widths of the scheme's parameters."""
    size = {name: array.size for name, array in arrays.items()}
    scales = 32 * size.get("scales", 0)
    match scheme:
        case Dense():
            return {"weights": size["weights"] * scheme.weight_bits, "scales": scales}
        case Pruned():
            index = size.get("mask", 0)
            if "positions" in arrays:
                places = math.prod(shape.weight_shape[1:])
                index = size["positions"] * ceil_log2(places) + size["counts"] * ceil_log2(places + 1)
            return {"weights": size["weights"] * scheme.weight_bits, "index": index, "scales": scales}
        case StackedBinary() | LegoNet():
            filters = arrays["bank"].shape[1]
            slot = {"packed": ceil_log2(filters), "one-hot": filters, "uncounted": 0}[scheme.selection]
            return {
                "basis": size["bank"] * scheme.filter_bits,
                "selection": size["selection"] * slot,
                "scales": scales,
            }
        case LinearRepresentation():
            return {
                "coefficients": (size["a"] + size.get("b", 0)) * scheme.coefficient_bits,
                "index": size["index"] * ceil_log2(len(arrays["templates"])),
                "codebook": size["templates"] * scheme.template_bits if scheme.codebook == "layer" else 0,
                "scales": scales,
            }
        case SparseBasis():
            filters = arrays["basis"].shape[1]
            index = size.get("mask", 0)
            if "positions" in arrays:
                index = size["positions"] * ceil_log2(filters) + size["counts"] * ceil_log2(filters + 1)
            return {
                "basis": size["basis"] * scheme.basis_bits,
                "coefficients": size["coefficients"] * scheme.coefficient_bits,
                "index": index,
                "scales": scales,
            }
    raise AssertionError(f"no packing rule for {scheme}")


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    content = hashlib.sha256()
    for name in sorted(arrays):
        content.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return content.hexdigest()


def test_every_scheme_has_a_method_and_a_case() -> None:
    assert set(METHODS) == set(SCHEMES.values()) == set(CASES)


@on_every_pair
def test_weights_follow_from_the_arrays_alone(shape: ConvShape, scheme: Scheme) -> None:
    fitted = fit(gaussian(shape), shape, scheme)
    copies = {name: array.copy() for name, array in fitted.arrays.items()}
    again = rebuild(shape, scheme, copies)
    assert fitted.weights.shape == shape.weight_shape
    assert fitted.weights.dtype == np.float32
    assert np.array_equal(again, fitted.weights)
    assert np.isfinite(again).all()


@on_every_pair
def test_the_packed_bits_are_the_storage_formula(shape: ConvShape, scheme: Scheme) -> None:
    fitted = fit(gaussian(shape), shape, scheme)
    assert packed_bits(shape, scheme, fitted.arrays) == scheme.storage(shape, fitted.usage)


@on_every_pair
def test_codes_are_levels_of_their_bits(shape: ConvShape, scheme: Scheme) -> None:
    arrays = fit(gaussian(shape), shape, scheme).arrays
    for name, bits in code_widths(scheme).items():
        if name not in arrays:
            continue
        if bits == 32:
            assert arrays[name].dtype == np.float32
        else:
            assert arrays[name].dtype.kind == "i"
            assert np.isin(arrays[name], code_levels(bits)).all()
    for name in set(arrays) - set(code_widths(scheme)):
        assert arrays[name].dtype == (np.float32 if name == "scales" else bool) or arrays[name].dtype.kind in "iu"


@on_every_pair
def test_distortion_is_that_of_the_reconstruction(shape: ConvShape, scheme: Scheme) -> None:
    weights = gaussian(shape)
    fitted = fit(weights, shape, scheme)
    difference = weights.astype(np.float64) - fitted.weights.astype(np.float64)
    expected = (difference**2).sum() / (weights.astype(np.float64) ** 2).sum()
    assert fitted.distortion == pytest.approx(expected, rel=1e-12)
    assert fitted.sqnr_db == (math.inf if expected == 0 else pytest.approx(-10 * math.log10(expected), rel=1e-9))


@on_every_pair
def test_the_same_seed_gives_the_same_arrays(shape: ConvShape, scheme: Scheme) -> None:
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first = digest(fit(gaussian(shape), shape, scheme, seed=3).arrays)
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002
    np.random.random(7)  # noqa: NPY002
    assert digest(fit(gaussian(shape), shape, scheme, seed=3).arrays) == first


@on_every_pair
def test_fitting_leaves_the_weights_alone(shape: ConvShape, scheme: Scheme) -> None:
    weights = gaussian(shape)
    fit(weights, shape, scheme)
    assert np.array_equal(weights, gaussian(shape))


@on_every_pair
def test_zero_weights_stay_zero_where_a_scale_can_make_them_so(shape: ConvShape, scheme: Scheme) -> None:
    fitted = fit(np.zeros(shape.weight_shape), shape, scheme)
    only_signs = isinstance(scheme, StackedBinary) and scheme.scale == "none"
    if only_signs:
        assert np.isin(fitted.weights, (-1, 1)).all()
        assert fitted.distortion == math.inf
        assert fitted.sqnr_db == -math.inf
    else:
        assert not fitted.weights.any()
        assert fitted.distortion == 0
        assert fitted.sqnr_db == math.inf


@on_every_scaled_pair
def test_the_size_of_the_weights_does_not_matter(shape: ConvShape, scheme: Scheme) -> None:
    """The factor is a power of two, exact in floating point."""
    small = fit(gaussian(shape) * np.float32(2.0**-20), shape, scheme)
    assert small.distortion == pytest.approx(fit(gaussian(shape), shape, scheme).distortion, rel=1e-4, abs=1e-12)


@on_every_scaled_pair
def test_nothing_fits_worse_than_zeros(shape: ConvShape, scheme: Scheme) -> None:
    """Zero is always within reach of a scale, so a method that leaves more than the energy is broken."""
    assert fit(gaussian(shape), shape, scheme).distortion <= 1


@pytest.mark.parametrize("scheme", [builds[0](SHAPES["plain"]) for builds in CASES.values()], ids=str)
class TestRefusals:
    @pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf, 1e300])
    def test_values_that_are_not_finite(self, scheme: Scheme, fault: float) -> None:
        weights = gaussian(SHAPES["plain"]).astype(np.float64)
        weights[0, 0, 0, 0] = fault
        with pytest.raises(FittingError, match=r"weights are finite in float32; got 1 that are not; train again"):
            fit(weights, SHAPES["plain"], scheme)

    def test_another_shape(self, scheme: Scheme) -> None:
        with pytest.raises(FittingError, match=r"weights have the layer's shape \(8, 6, 3, 3\); got \(6, 8, 3, 3\)"):
            fit(np.ones((6, 8, 3, 3)), SHAPES["plain"], scheme)

    def test_complex_values(self, scheme: Scheme) -> None:
        with pytest.raises(FittingError, match="weights are real numbers; got complex64"):
            fit(gaussian(SHAPES["plain"]) * 1j, SHAPES["plain"], scheme)


@pytest.mark.parametrize("kind", [StackedBinary, LegoNet, SparseBasis])
def test_segments_that_do_not_divide_are_refused(kind: type[Scheme]) -> None:
    with pytest.raises(SchemeError, match="divides the input channels"):
        fit(gaussian(SHAPES["plain"]), SHAPES["plain"], kind(4, 2))


def test_a_scheme_without_a_method_is_refused() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other(Scheme):
        name = "other"

        def check(self, shape: ConvShape) -> None:
            pass

        storage = executions = takes_channel_scale = None

    with pytest.raises(FittingError, match="the scheme has a fitting method; got other; choose one of dense, pruned"):
        fit(gaussian(SHAPES["plain"]), SHAPES["plain"], Other())
