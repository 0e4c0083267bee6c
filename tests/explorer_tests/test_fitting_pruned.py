import numpy as np
import pytest

from costmodels.numbers import round_share
from costmodels.schemes import Pruned
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit

SHAPE = ConvShape(6, 5, (3, 3), (8, 8))
WEIGHTS = np.random.default_rng(0).standard_normal(SHAPE.weight_shape).astype(np.float32)


@pytest.mark.parametrize("form", ["bitmap", "index"])
@pytest.mark.parametrize("density", [0.001, 0.1, 0.5, 1.0])
def test_the_largest_weights_are_kept_as_they_are(density: float, form: str) -> None:
    count = round_share(density, 6 * 5 * 9)
    order = np.sort(np.abs(WEIGHTS), axis=None)[::-1]
    fitted = fit(WEIGHTS, SHAPE, Pruned(density, 32, form))
    least = order[count - 1] if count else np.inf
    assert np.array_equal(fitted.weights, np.where(np.abs(WEIGHTS) >= least, WEIGHTS, 0))
    assert fitted.usage.nonzeros == count
    assert fitted.distortion == pytest.approx(
        np.square(order[count:]).sum() / np.square(order).sum(), rel=1e-5, abs=1e-12
    )


def test_of_equal_weights_the_first_are_kept() -> None:
    fitted = fit(np.ones(SHAPE.weight_shape), SHAPE, Pruned(0.1, 32))
    assert fitted.weights.ravel().nonzero()[0].tolist() == list(range(27))


def test_weights_that_get_code_zero_are_dropped() -> None:
    weights = WEIGHTS.copy()
    weights[:, 0] *= 1e-4
    fitted = fit(weights, SHAPE, Pruned(1.0, 4))
    assert fitted.usage.nonzeros == np.count_nonzero(fitted.weights) <= 6 * 4 * 9
    assert (fitted.arrays["weights"] != 0).all()


def test_zeros_are_not_stored_even_where_the_density_would_keep_them() -> None:
    weights = WEIGHTS.copy()
    weights[:4] = 0
    assert fit(weights, SHAPE, Pruned(1.0, 32)).usage.nonzeros == 2 * 5 * 9


def test_one_bit_keeps_the_sign_at_the_mean_magnitude_of_the_kept() -> None:
    fitted = fit(WEIGHTS, SHAPE, Pruned(0.3, 1))
    kept = fitted.weights != 0
    for filter_weights, filter_kept, reconstructed in zip(WEIGHTS, kept, fitted.weights, strict=True):
        size = np.abs(filter_weights[filter_kept]).mean()
        assert reconstructed[filter_kept] == pytest.approx(np.sign(filter_weights[filter_kept]) * size, rel=1e-5)


def test_bitmap_and_index_hold_the_same_weights() -> None:
    bitmap, index = (fit(WEIGHTS, SHAPE, Pruned(0.2, 4, form)) for form in ("bitmap", "index"))
    assert np.array_equal(bitmap.weights, index.weights)
    assert index.arrays["counts"].tolist() == bitmap.arrays["mask"].sum(axis=1).tolist()


def test_more_density_and_more_bits_lose_less() -> None:
    by_density = [fit(WEIGHTS, SHAPE, Pruned(density, 8)).distortion for density in (0.05, 0.1, 0.25, 0.5, 1.0)]
    by_bits = [fit(WEIGHTS, SHAPE, Pruned(0.5, bits)).distortion for bits in (1, 2, 3, 4, 8, 32)]
    assert by_density == sorted(by_density, reverse=True)
    assert by_bits == sorted(by_bits, reverse=True)
