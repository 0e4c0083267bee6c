import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explorer.finetuning.activations import ActivationQuantizer, SignActivation
from explorer.measurement.activation_ranges import ActivationRange, fake_quantize


@given(
    low=st.floats(-20, 0, width=32),
    high=st.floats(0, 20, width=32),
    bits=st.sampled_from([2, 4, 8]),
    learned=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_forward_is_the_measured_rounding_bit_for_bit(low, high, bits, learned, seed) -> None:
    found = ActivationRange(low, high)
    values = torch.from_numpy(np.random.default_rng(seed).normal(0, 10, 200).astype(np.float32))
    expected = fake_quantize(values, found.scale(bits), found.zero_point(bits), bits)
    quantizer = ActivationQuantizer(found, bits, learned)
    assert torch.equal(quantizer(values), expected)
    with torch.no_grad():
        assert torch.equal(quantizer(values), expected)


def test_the_gradients_are_straight_through() -> None:
    """Range -1 to 2 of 2 bits: a scale of 1, levels -1, 0, 1 and 2."""
    quantizer = ActivationQuantizer(ActivationRange(-1, 2), 2, learned=True).double()
    values = torch.tensor([-1.5, -0.75, 0.25, 1.75, 2.5], dtype=torch.float64, requires_grad=True)
    output = quantizer(values)
    assert output.tolist() == [-1, -1, 0, 2, 2]
    (output * torch.tensor([1.0, 2, 3, 4, 5])).sum().backward()
    assert values.grad.tolist() == [0, 2, 3, 4, 0]
    expected = 1 * -1 + 2 * (-1 + 0.75) + 3 * (0 - 0.25) + 4 * (2 - 1.75) + 5 * 2
    assert quantizer.factor.grad.item() == pytest.approx(expected)


def test_a_calibrated_scale_is_not_trained() -> None:
    assert not list(ActivationQuantizer(ActivationRange(-1, 2), 4).parameters())


def test_one_bit_is_the_sign_with_a_clipped_gradient() -> None:
    values = torch.tensor([-1.5, -0.5, 0.0, 1.0, 1.5], requires_grad=True)
    output = SignActivation()(values)
    output.sum().backward()
    assert output.tolist() == [-1, -1, 1, 1, 1]
    assert values.grad.tolist() == [0, 1, 1, 1, 0]
