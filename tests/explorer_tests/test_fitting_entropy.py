"""Entropy-coded fits: within their bits, never worse than simple ones, and levels decided as they should be."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from costmodels import ConvShape, Dense, EntropyCoded
from costmodels.kernels.packing import pack_layer
from explorer.forms.entropy_coded.decisions import Decisions
from explorer.forms.fitting import fit
from explorer.forms.trainable import trainable

SHAPE = ConvShape(24, 16, 3, 8)
RATES = (1.25, 1.5, 2.0, 3.0, 4.0)


def weights_of(shape=SHAPE, seed=0):
    """Of heavier tails than Gaussian ones, as trained weights are."""
    generator = np.random.default_rng(seed)
    return (0.05 * generator.laplace(size=shape.weight_shape)).astype(np.float32)


@given(
    levels=st.lists(st.integers(-20, 20), min_size=1, max_size=9, unique=True),
    rho=st.floats(0, 5),
    data=st.data(),
)
def test_decisions_are_those_of_trying_every_level(levels, rho, data):
    levels = np.sort(np.array(levels, float))
    bits = np.array(data.draw(st.lists(st.sampled_from([1, 2, 3, 7, 12]), min_size=len(levels), max_size=len(levels))))
    units = np.linspace(-25, 25, 301)
    costs = np.square(units[:, None] - levels) + rho * bits
    taken = Decisions.of_costs(levels, bits.astype(float), rho).take(units)
    np.testing.assert_allclose(costs.min(axis=1), np.square(units - taken) + rho * bits[np.searchsorted(levels, taken)])


def test_levels_without_a_code_are_not_taken():
    taken = Decisions.of_costs(np.array([-1.0, 0.0, 1.0]), np.array([np.inf, 1.0, 1.0]), 0.0).take(
        np.array([-9.0, 9.0])
    )
    assert taken.tolist() == [0, 1]


@pytest.mark.parametrize("coder", ["huffman", "rans"])
@pytest.mark.parametrize("rate", RATES)
def test_a_fit_stays_within_its_bits_and_uses_them(coder, rate):
    scheme = EntropyCoded(rate, 8, coder)
    fitted = fit(weights_of(), SHAPE, scheme)
    packed = pack_layer(SHAPE, scheme, fitted.arrays).storage["weights"]
    assert packed == fitted.usage.coded_bits <= scheme.storage(SHAPE)["weights"] == int(rate * SHAPE.weights)
    assert packed >= 0.97 * rate * SHAPE.weights


def test_more_bits_never_fit_worse():
    found = [fit(weights_of(), SHAPE, EntropyCoded(rate)).distortion for rate in RATES]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_at_the_same_bits_less_error_than_dense(bits):
    assert (
        fit(weights_of(), SHAPE, EntropyCoded(bits)).distortion < 0.8 * fit(weights_of(), SHAPE, Dense(bits)).distortion
    )


@pytest.mark.parametrize("rate", [2.0, 3.0])
def test_close_to_an_independent_search(rate):
    """Every step size and price of a fine grid, levels tried one by one against the empirical code lengths, in turn."""
    values = weights_of().reshape(-1).astype(np.float64)
    least = np.inf
    levels = np.arange(-16, 17)
    for step in np.exp2(np.linspace(-1.5, 1.2, 28)) * values.std():
        for price in np.exp2(np.linspace(-6, 3, 19)) * step**2 / 8:
            bits = np.zeros(len(levels))
            for _ in range(6):
                costs = np.square(values[:, None] - step * levels) + price * bits
                codes = costs.argmin(axis=1)
                counts = np.bincount(codes, minlength=len(levels))
                bits = np.log2((counts.sum() + 1) / (counts + 0.5))
            shares = counts[counts > 0] / len(values)
            if -(shares * np.log2(shares)).sum() <= rate:
                q = levels[codes]
                scale = (values @ q) / max(q @ q, 1)
                least = min(least, np.square(values - scale * q).sum() / np.square(values).sum())
    # its bits lack table, checksum and what rANS adds to the entropy: 0.07 bits a weight, 2^(2*0.07) of the error
    assert fit(weights_of(), SHAPE, EntropyCoded(rate, 8, "rans", scale="layer")).distortion <= 1.1 * least


def test_a_price_lowers_error_plus_bits():
    prices, rates, errors = (0.001, 0.01, 0.1), [], []
    for price in prices:
        fitted = fit(weights_of(), SHAPE, EntropyCoded(8.0, 8, rate_lambda=price))
        rates.append(fitted.usage.coded_bits / SHAPE.weights)
        errors.append(fitted.distortion)
    assert rates == sorted(rates, reverse=True)
    values = [[error + price * rate for error, rate in zip(errors, rates, strict=True)] for price in prices]
    assert [row.index(min(row)) for row in values] == [0, 1, 2]


@pytest.mark.parametrize("coder", ["huffman", "rans"])
@pytest.mark.parametrize("shape", [ConvShape(1, 1, 1, 3), ConvShape(3, 1, (1, 2), 4), ConvShape(6, 6, 3, 5, groups=6)])
@pytest.mark.parametrize("rate", [0.1, 2.0, 16.0])
def test_small_layers_and_rates_that_no_stream_has(coder, shape, rate):
    scheme = EntropyCoded(rate, 4, coder)
    fitted = fit(weights_of(shape), shape, scheme)
    assert fitted.usage.coded_bits <= scheme.storage(shape)["weights"]
    assert fitted.distortion <= 1


@pytest.mark.parametrize(
    "scheme", [EntropyCoded(2.0), EntropyCoded(1.5, 5, "rans", scale="layer", scale_bits=8)], ids=str
)
def test_training_stays_within_the_bits_of_the_fit(scheme):
    torch.manual_seed(0)
    module = nn.Conv2d(16, 24, 3)
    fitted = fit(module.weight.detach().numpy(), SHAPE, scheme)
    layer = trainable(module, fitted)
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    images, target = torch.randn(4, 16, 8, 8), torch.randn(4, 24, 6, 6)
    prices = []
    for _ in range(12):
        optimizer.zero_grad()
        (layer(images) - target).square().mean().backward()
        optimizer.step()
        layer.after_step()
        prices.append(float(layer.price))
        packed = pack_layer(SHAPE, scheme, layer.arrays())
        assert packed.storage["weights"] <= fitted.usage.coded_bits
    assert max(prices) > 0
