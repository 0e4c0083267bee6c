"""Second moments and output errors against the network itself."""

import numpy as np
import pytest
import torch
from torch import nn

from explorer.measurement.second_moments import Moments, layer_moments, output_errors
from explorer.networks.trace import trace


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, (3, 1), stride=2, groups=2, bias=False),
        nn.Flatten(),
        nn.Linear(4 * 2 * 3, 3),
    )
    return trace(network, torch.zeros(1, 2, 6, 6), "moments")


IMAGES = torch.randn(40, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_first_error_is_the_change_of_the_layers_own_output(traced, layer):
    """The sum over images, places and filters of (x * d)^2, with the inputs that the layer really gets."""
    spec = traced.spec.layers[layer]
    moments = layer_moments(traced, IMAGES)[spec.name]
    weights = traced.weights[spec.name]
    reconstructed = weights + np.random.default_rng(0).normal(size=weights.shape).astype(np.float32)
    errors = torch.tensor(reconstructed - weights)
    first, second, last = traced.weights.values()
    bias = dict(traced.graph.named_parameters())["0.bias"].detach()
    values = IMAGES
    if layer > 0:
        values = torch.relu(nn.functional.conv2d(values, torch.tensor(first), bias, padding=1))
    if layer > 1:
        values = nn.functional.conv2d(values, torch.tensor(second), stride=2, groups=2).flatten(1)
        change = values @ errors.flatten(1).T
    else:
        padding, stride, groups = ((1, 1, 1), (0, 2, 2))[layer]
        change = nn.functional.conv2d(values, errors, padding=padding, stride=stride, groups=groups)
    own, _ = output_errors(moments, weights, reconstructed)
    assert own == pytest.approx(float(change.square().sum()), rel=1e-4)
    assert last.shape == (3, 24, 1, 1)


def test_the_second_error_is_the_formula():
    """tr(G D A D^T) by hand: A = diag(1, 4), G = ((2, 1), (1, 3)), D = ((1, 0), (0, 1)): 2*1 + 3*4."""

    moments = Moments(np.diag([1.0, 4.0])[None], np.array([[[2.0, 1.0], [1.0, 3.0]]]))
    zeros = np.zeros((2, 2, 1, 1), np.float32)
    reconstructed = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    assert output_errors(moments, zeros, reconstructed) == (1 + 4, 2 + 12)
    diagonal = Moments(np.array([[1.0, 4.0]]), moments.gradients)
    assert output_errors(diagonal, zeros, reconstructed) == (1 + 4, 2 + 12)


def test_gradients_are_those_of_drawn_labels(traced):
    """For the last layer g = softmax - one-hot, so G sums to zero along both axes, and its trace is positive."""
    moments = layer_moments(traced, IMAGES)[traced.spec.layers[-1].name]
    assert moments.gradients.sum(axis=1) == pytest.approx(np.zeros((1, 3)), abs=1e-4)
    assert np.trace(moments.gradients[0]) > 0


def test_nothing_is_left_behind(traced):
    before = {name: values.copy() for name, values in traced.weights.items()}
    state = torch.get_rng_state()
    layer_moments(traced, IMAGES)
    assert torch.equal(state, torch.get_rng_state())
    assert all(np.array_equal(values, traced.weights[name]) for name, values in before.items())
    assert all(parameter.grad is None for parameter in traced.graph.parameters())
