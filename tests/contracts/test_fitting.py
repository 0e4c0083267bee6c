"""What every fitting method owes: one suite, run on each registered scheme."""

import dataclasses
import hashlib
import importlib
import math
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

import explorer.forms
from costmodels.errors import SchemeError
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.schemes import SCHEMES, Scheme
from costmodels.shapes import ConvShape
from explorer.forms import FORMS
from explorer.forms.fitted_layer import FittedLayer
from explorer.forms.fitting import fit, reconstruct
from explorer.forms.form import by_scheme
from explorer.system.errors import FittingError

SHAPES = {
    "plain": ConvShape(8, 6, (3, 3), (8, 8)),
    "groups": ConvShape(8, 12, (3, 3), (8, 8), groups=2),
    "depthwise": ConvShape(6, 6, (3, 3), (8, 8), groups=6),
    "one channel": ConvShape(8, 1, (5, 5), (8, 8)),
    "one filter": ConvShape(1, 4, (3, 3), (8, 8)),
    "rectangular": ConvShape(6, 4, (1, 5), (8, 8)),
    "linear": ConvShape.linear(10, 16),
}


def examples(kind: type[Scheme], shape: ConvShape) -> list[Scheme]:
    """Schemes of a kind that its form fits to a layer of the shape."""
    return [scheme for scheme in FORMS[kind].examples(shape) if type(scheme) is kind]


def has_fixed_size(shape: ConvShape, scheme: Scheme) -> bool:
    """Whether codes stand for themselves, so that only weights of their size fit well."""
    has_floats = any(field.values.kinds == "f" for field in scheme.layout(shape))
    return scheme.parameters().get("scale") == "none" and not has_floats


def can_be_zero(shape: ConvShape, scheme: Scheme) -> bool:
    """Whether a weight of a layer without scales can be zero: a code is, or it is not stored."""
    codes = [field.values for field in scheme.layout(shape) if field.values.dtype.kind in "ib"]
    return any(values.keeps(np.zeros(1, values.dtype)) for values in codes)


FEW = 3
"""Examples of a form on the shapes that differ from plain and grouped layers in one size alone."""

GROUPS = {
    f"{name}-{kind.name}": [
        (shape, scheme) for scheme in examples(kind, shape)[: None if name in ("plain", "groups", "linear") else FEW]
    ]
    for kind in FORMS
    for name, shape in SHAPES.items()
}
"""Layers with schemes, by shape and form."""


def on_every_pair(test: Callable[[ConvShape, Scheme], None]) -> Callable[[str], None]:
    """A test of a pair as one of each group of pairs; an error names the pair."""

    @pytest.mark.parametrize("group", [name for name, pairs in GROUPS.items() if pairs])
    def test_each(group: str) -> None:
        for shape, scheme in GROUPS[group]:
            try:
                test(shape, scheme)
            except BaseException as error:
                error.add_note(f"{scheme} of {shape}")
                raise

    test_each.__name__, test_each.__doc__ = test.__name__, test.__doc__
    return test_each


def gaussian(shape: ConvShape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape.weight_shape).astype(np.float32)


@cache
def gaussian_fit(shape: ConvShape, scheme: Scheme) -> FittedLayer:
    """One fit for all tests that look at it."""
    return fit(gaussian(shape), shape, scheme)


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    content = hashlib.sha256()
    for name in sorted(arrays):
        content.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode() + arrays[name].tobytes())
    return content.hexdigest()


def test_every_scheme_has_a_form_and_examples() -> None:
    assert set(FORMS) == set(SCHEMES.values())
    for kind in FORMS:
        assert len(examples(kind, SHAPES["plain"])) >= 1
        assert len(examples(kind, SHAPES["depthwise"])) >= 1


class TestRegistry:
    def test_a_scheme_without_a_form_is_refused_at_import(self, monkeypatch) -> None:
        monkeypatch.setitem(SCHEMES, "other", other_scheme())
        rule = "none of other; every scheme has a form; declare a FORM with its fit and its trainable layer"
        with pytest.raises(FittingError, match=rule):
            importlib.reload(explorer.forms)

    def test_a_form_that_is_left_out_is_missed(self) -> None:
        (first, *others) = dict.fromkeys(FORMS.values())
        with pytest.raises(FittingError, match="none of dense; every scheme has a form"):
            by_scheme(others, SCHEMES.values())
        assert by_scheme([first, *others], SCHEMES.values()) == FORMS

    def test_two_forms_of_a_scheme_and_one_of_an_unknown_scheme_are_refused(self) -> None:
        forms = list(dict.fromkeys(FORMS.values()))
        with pytest.raises(FittingError, match="several of dense; a scheme has one form; leave one"):
            by_scheme([*forms, forms[0]], SCHEMES.values())
        unknown = dataclasses.replace(forms[0], schemes=(other_scheme(),))
        with pytest.raises(FittingError, match="got Other; a form is of schemes that are known; list the scheme"):
            by_scheme([*forms, unknown], SCHEMES.values())


@on_every_pair
def test_weights_follow_from_the_arrays_alone(shape: ConvShape, scheme: Scheme) -> None:
    fitted = gaussian_fit(shape, scheme)
    copies = {name: array.copy() for name, array in fitted.arrays.items()}
    again = reconstruct(shape, scheme, copies)
    assert fitted.weights.shape == shape.weight_shape
    assert fitted.weights.dtype == np.float32
    assert np.array_equal(again, fitted.weights)
    assert np.isfinite(again).all()


@on_every_pair
def test_the_packed_bits_are_the_storage_formula(shape: ConvShape, scheme: Scheme) -> None:
    fitted = gaussian_fit(shape, scheme)
    packed, counted = pack_layer(shape, scheme, fitted.arrays).storage, scheme.storage(shape, fitted.usage)
    assert packed == {name: bits for name, bits in counted.items() if bits or name in packed}


@on_every_pair
def test_codes_are_levels_of_their_bits(shape: ConvShape, scheme: Scheme) -> None:
    """They are what is read back from the bits, in the same types; values without a place there are refused."""
    arrays = gaussian_fit(shape, scheme).arrays
    stored = unpack_layer(pack_layer(shape, scheme, arrays))
    assert arrays.keys() == stored.keys()
    for name, array in arrays.items():
        assert array.dtype == stored[name].dtype
        assert np.array_equal(array, stored[name])


@on_every_pair
def test_distortion_is_that_of_the_reconstruction(shape: ConvShape, scheme: Scheme) -> None:
    weights, fitted = gaussian(shape), gaussian_fit(shape, scheme)
    difference = weights.astype(np.float64) - fitted.weights.astype(np.float64)
    expected = (difference**2).sum() / (weights.astype(np.float64) ** 2).sum()
    assert fitted.distortion == pytest.approx(expected, rel=1e-12)
    assert fitted.sqnr_db == (math.inf if expected == 0 else pytest.approx(-10 * math.log10(expected), rel=1e-9))


@on_every_pair
def test_the_same_seed_gives_the_same_arrays(shape: ConvShape, scheme: Scheme) -> None:
    """Whatever numpy's global state is, which stays as it is; so do the weights."""
    weights, first = gaussian(shape), digest(gaussian_fit(shape, scheme).arrays)
    np.random.random(7)  # noqa: NPY002
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    assert digest(fit(weights, shape, scheme).arrays) == first
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002
    assert np.array_equal(weights, gaussian(shape))


@on_every_pair
def test_zero_weights_stay_zero_where_a_scale_can_make_them_so(shape: ConvShape, scheme: Scheme) -> None:
    fitted = fit(np.zeros(shape.weight_shape), shape, scheme)
    only_signs = has_fixed_size(shape, scheme) and not can_be_zero(shape, scheme)
    if only_signs:
        assert np.isin(fitted.weights, (-1, 1)).all()
        assert fitted.distortion == math.inf
        assert fitted.sqnr_db == -math.inf
    else:
        assert not fitted.weights.any()
        assert fitted.distortion == 0
        assert fitted.sqnr_db == math.inf


@on_every_pair
def test_the_size_of_the_weights_does_not_matter_where_there_is_a_scale(shape: ConvShape, scheme: Scheme) -> None:
    """The factor is a power of two, exact in floating point."""
    if has_fixed_size(shape, scheme):
        return
    small = fit(gaussian(shape) * np.float32(2.0**-20), shape, scheme)
    assert small.distortion == pytest.approx(gaussian_fit(shape, scheme).distortion, rel=1e-4, abs=1e-12)


@on_every_pair
def test_nothing_fits_worse_than_zeros_where_there_is_a_scale(shape: ConvShape, scheme: Scheme) -> None:
    """Zero is always within reach of a scale, so a method that leaves more than the energy is broken."""
    assert has_fixed_size(shape, scheme) or gaussian_fit(shape, scheme).distortion <= 1


@pytest.mark.parametrize("scheme", [examples(kind, SHAPES["plain"])[0] for kind in FORMS], ids=str)
class TestRefusals:
    @pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf, 1e300])
    def test_values_that_are_not_finite(self, scheme: Scheme, fault: float) -> None:
        weights = gaussian(SHAPES["plain"]).astype(np.float64)
        weights[0, 0, 0, 0] = fault
        with pytest.raises(FittingError, match=r"1 that are not; weights are finite in float32; train again"):
            fit(weights, SHAPES["plain"], scheme)

    def test_another_shape(self, scheme: Scheme) -> None:
        with pytest.raises(FittingError, match=r"\(6, 8, 3, 3\); weights have the layer's shape \(8, 6, 3, 3\)"):
            fit(np.ones((6, 8, 3, 3)), SHAPES["plain"], scheme)

    def test_complex_values(self, scheme: Scheme) -> None:
        with pytest.raises(FittingError, match="got complex64; weights are real numbers"):
            fit(gaussian(SHAPES["plain"]) * 1j, SHAPES["plain"], scheme)


@pytest.mark.parametrize("kind", [kind for kind in FORMS if "segment_channels" in kind.__dataclass_fields__])
def test_segments_that_do_not_divide_are_refused(kind: type[Scheme]) -> None:
    with pytest.raises(SchemeError, match="divides the input channels"):
        fit(gaussian(SHAPES["plain"]), SHAPES["plain"], kind(4, 2))


def other_scheme() -> type[Scheme]:
    """A scheme that nobody knows."""

    @dataclasses.dataclass(frozen=True)
    class Other(Scheme):
        name = "other"

    Other.__abstractmethods__ = frozenset()
    Other.check = lambda self, shape: None
    return Other


def test_a_scheme_without_a_method_is_refused() -> None:
    with pytest.raises(FittingError, match="got other; the scheme has a fitting method; choose one of dense, pruned"):
        fit(gaussian(SHAPES["plain"]), SHAPES["plain"], other_scheme()())
