"""Gradients of the trainable layers: finite differences where the weights are smooth, arithmetic where they are not."""

import numpy as np
import pytest
import torch
from torch import nn

from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit, fitted_layer
from explorer.forms.quantized_tensor import QuantizedTensor
from explorer.forms.straight_through import round_to_codes
from explorer.forms.trainable import trainable

SHAPE = ConvShape(6, 8, (3, 3), (6, 6), padding=(1, 1), groups=2)


def layer_of(scheme, shape=SHAPE):
    torch.manual_seed(0)
    place = shape.stride, shape.padding, shape.dilation, shape.groups
    module = nn.Conv2d(shape.in_channels, shape.out_channels, shape.kernel, *place, False)
    return trainable(module, fit(module.weight.detach().numpy(), shape, scheme)).double()


def parameter(layer, path):
    return layer.get_parameter(path)


SMOOTH = [
    (StackedBinary(2, 3, "filter"), "scales"),
    (StackedBinary(2, 3, "segment"), "scales"),
    (LegoNet(2, 3), "filters"),
    (LegoNet(2, 3), "scales"),
    (LinearRepresentation(3, 32, 32), "a.values"),
    (LinearRepresentation(3, 32, 8), "b.values"),
    (SparseBasis(2, 4, 32, 1.0, 32), "basis.values"),
    (SparseBasis(2, 4, 32, 0.5, 32), "coefficients.values"),
    (SparseBasis(2, 4, 1, 0.5, 32), "coefficients.values"),
    (SparseBasis(4, 3, 32, 0.5, 4), "basis.values"),
    (Dense(32), "quantized.values"),
    (Pruned(0.5, 32), "quantized.values"),
]


@pytest.mark.parametrize(("scheme", "path"), SMOOTH, ids=lambda value: str(value))
@pytest.mark.parametrize("shared", [False, True])
def test_gradients_are_those_of_finite_differences(scheme, path, shared) -> None:
    layer = layer_of(scheme)
    execution = layer.executions[-1 if shared else 0]
    images = torch.randn(2, 8, 6, 6, dtype=torch.float64)
    probe = torch.randn(2, 6, 6, 6, dtype=torch.float64)

    def value() -> torch.Tensor:
        return (layer(images, execution) * probe).sum()

    tuned = parameter(layer, path)
    (gradient,) = torch.autograd.grad(value(), tuned)
    # A coefficient that is zero is not stored: moving it is another support, not a derivative.
    places = torch.nonzero(tuned.detach().flatten()).flatten()[:25]
    for place in places.tolist():
        size, ends = 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                before = tuned.view(-1)[place].clone()
                tuned.view(-1)[place] = before + sign * size
                ends.append(value().item())
                tuned.view(-1)[place] = before
        assert gradient.flatten()[place].item() == pytest.approx((ends[0] - ends[1]) / (2 * size), rel=1e-6, abs=1e-6)


def test_a_learned_step_has_the_gradient_of_its_paper() -> None:
    """Levels -4 to 3 of 3 bits at a step of 1/2: v = x / step is -6, -1.2, 0.4, 1.8 and 4."""
    values = torch.tensor([-3.0, -0.6, 0.2, 0.9, 2.0], dtype=torch.float64)
    step = torch.tensor([0.5], dtype=torch.float64)
    codes = round_to_codes(values / step, 3)
    assert codes.tolist() == [-4, -1, 0, 2, 3]
    quantized = QuantizedTensor(codes, step, 3, values)
    assert torch.equal(quantized.values, values)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    (quantized() * weights).sum().backward()
    assert quantized().tolist() == [-2, -0.5, 0, 1, 1.5]
    assert quantized.values.grad.tolist() == [0, 2, 3, 4, 0]
    # Outside the levels the level, inside the level less v; times the step, as the trained number is its logarithm.
    expected = 0.5 * (1 * -4 + 2 * (-1 + 1.2) + 3 * (0 - 0.4) + 4 * (2 - 1.8) + 5 * 3)
    assert quantized.factor.grad.item() == pytest.approx(expected, rel=1e-12)


def test_a_step_of_zero_stays_zero() -> None:
    quantized = QuantizedTensor(torch.zeros(2, 3), torch.tensor([[0.0], [1.0]]), 4, torch.ones(2, 3))
    quantized().sum().backward()
    assert quantized()[0].tolist() == [0, 0, 0]
    assert quantized.values.grad[0].tolist() == [0, 0, 0]
    assert quantized.factor.grad[0].item() == 0
    assert torch.isfinite(quantized.factor.grad).all()


def test_filters_and_selections_have_straight_through_gradients() -> None:
    """One filter of two segments of one value each; W = (2 * B_0, -3 * B_1) with B = (1, -1)."""
    shape = ConvShape(1, 2, (1, 1), (1, 1))
    arrays = {
        "bank": np.array([1, -1], np.int8).reshape(1, 2, 1, 1, 1),
        "selection": np.array([[0, 1]], np.uint8),
        "scales": np.array([[2.0, -3.0]], np.float32),
    }
    module = nn.Conv2d(2, 1, 1, bias=False)
    fitted = fitted_layer(module.weight.detach().numpy(), shape, StackedBinary(1, 2, "segment"), arrays)
    layer = trainable(module, fitted)
    layer.allowed.fill_(True)
    with torch.no_grad():
        layer.filters.copy_(torch.tensor([0.5, -1.5]).view_as(layer.filters))
    assert layer.weight().flatten().tolist() == [2, 3]
    (layer.weight().flatten() * torch.tensor([5.0, 7.0])).sum().backward()
    # dL/dB_0 = 5 * 2 passes, dL/dB_1 = 7 * -3 does not: its proxy lies outside [-1, 1].
    assert layer.filters.grad.flatten().tolist() == [10, 0]
    # dL/dQ_jl = alpha_j * dL/dW_j * B_l, for both l.
    assert layer.selections.grad[0].tolist() == [[2 * 5 * 1, 2 * 5 * -1], [-3 * 7 * 1, -3 * 7 * -1]]
    assert layer.scales.grad.flatten().tolist() == [5 * 1, 7 * -1]
    layer.after_step()
    assert layer.filters.flatten().tolist() == [0.5, -1]
    with torch.no_grad():
        layer.selections[0, 0, 1] = 9
    assert layer.arrays()["selection"].tolist() == [[1, 1]]


def test_a_map_that_the_fit_does_not_compute_is_never_selected() -> None:
    layer = layer_of(StackedBinary(2, 8, "segment"))
    pairs = layer.allowed.reshape(2, 3, 2, 8).any(1)
    assert not pairs.all()
    with torch.no_grad():
        layer.selections.copy_(torch.where(layer.allowed, -5.0, 5.0))
    chosen = layer.mixing() != 0
    assert not (chosen & ~layer.allowed).any()
    assert (chosen.sum(2) == 1).all()


def test_only_a_and_b_of_a_linear_representation_are_trained() -> None:
    for scheme, names in (
        (LinearRepresentation(3, 6, 8), ["a.values", "b.values"]),
        (LinearRepresentation(3, 32, 32, offset=False), ["a.values"]),
    ):
        assert [name for name, _ in layer_of(scheme).named_parameters()] == names


def test_coefficients_lie_in_their_balls_after_a_step() -> None:
    scheme = SparseBasis(2, 6, 4, 0.5, 8)
    layer = layer_of(scheme)
    limit = layer.limit
    assert limit <= round(0.5 * 6 * 2 * 6)
    layer.radius.mul_(torch.linspace(0.2, 1, 6))
    torch.manual_seed(1)
    with torch.no_grad():
        layer.coefficients.values.add_(0.02 * torch.randn_like(layer.coefficients.values))
    layer.after_step()
    rows = layer.coefficients.values.detach().reshape(6, -1)
    assert (rows.abs().sum(1) <= layer.radius * (1 + 1e-9)).all()
    assert 0 < torch.count_nonzero(rows) <= limit
    assert (rows[0] != 0).sum() < (rows[5] != 0).sum()
    assert not layer.allowed.all()
    assert not layer.coefficients.values[~layer.allowed].any()
    before = rows.clone()
    layer.after_step()
    torch.testing.assert_close(layer.coefficients.values.reshape(6, -1), before, rtol=1e-9, atol=1e-12)


def test_a_zero_coefficient_gets_a_gradient_and_can_come_back() -> None:
    layer = layer_of(SparseBasis(2, 6, 4, 0.5, 8))
    values = layer.coefficients.values
    layer.weight().square().sum().backward()
    absent = (values == 0) & layer.allowed
    assert absent.any()
    assert (values.grad[absent] != 0).any()
    place = torch.nonzero(absent)[0].tolist()
    with torch.no_grad():
        values[tuple(place)] = 10 * values.abs().max()
    layer.radius.fill_(float("inf"))
    layer.after_step()
    assert values[tuple(place)] != 0
    assert torch.count_nonzero(values) <= layer.limit


def test_a_pruned_weight_stays_away() -> None:
    layer = layer_of(Pruned(0.3, 4))
    with torch.no_grad():
        layer.quantized.values.add_(1)
    assert torch.equal(layer.weight() != 0, layer.mask.reshape(SHAPE.weight_shape) != 0)
    layer.weight().sum().backward()
    assert not layer.quantized.values.grad[layer.mask == 0].any()
