"""What every trainable layer owes: one suite, run on each registered scheme over random shapes, schemes and arrays."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from costmodels.cost import DIRECT, layer_cost
from costmodels.kernels.packing import pack_layer, unpack_layer
from costmodels.kernels.run import run_layer
from costmodels.kernels.samples import random_arrays, random_scheme, random_shape
from costmodels.schemes import SCHEMES
from costmodels.shapes import ConvShape
from explorer.forms import FORMS
from explorer.forms.bank_layer import BankLayer
from explorer.forms.fitting import fit, fitted_layer, reconstruct
from explorer.forms.trainable import trainable
from explorer.system.errors import LayerError

KINDS = [pytest.param(kind, id=kind.name) for kind in FORMS]
LINEAR = ConvShape.linear(6, 4)
on_every_scheme = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 2**32 - 1)
examples = settings(max_examples=8, deadline=None)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def module_of(shape: ConvShape, bias: bool) -> nn.Module:
    place = shape.stride, shape.padding, shape.dilation, shape.groups
    return nn.Conv2d(shape.in_channels, shape.out_channels, shape.kernel, *place, bias)


def random_case(kind, seed):
    """A module, a fitted layer of random arrays, and two images."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed % 2**31)
    shape = random_shape(kind, generator, 6)
    scheme = random_scheme(kind, shape, generator, 6)
    module = module_of(shape, bool(generator.random() < 0.5))
    weights = module.weight.detach().numpy()
    fitted = fitted_layer(weights, shape, scheme, random_arrays(shape, scheme, generator))
    return module, fitted, torch.randn(2, shape.in_channels, *shape.input_size, dtype=torch.float64)


def fitted_case(kind, seed):
    """The same, fitted to the module's weights."""
    module, random, images = random_case(kind, seed)
    scheme, weights = random.scheme, module.weight.detach().numpy()
    codebook = random.arrays["templates"] if getattr(scheme, "codebook", "") == "network" else None
    return module, fit(weights, random.shape, scheme, codebook=codebook), images


def shaken(layer, seed, size=0.3):
    """The layer after a step of random size and direction, and its projection."""
    torch.manual_seed(seed % 2**31)
    with torch.no_grad():
        for parameter in layer.parameters():
            scale = parameter.abs().mean() + 0.1
            parameter.add_(torch.randn_like(parameter) * scale * size)
    layer.after_step()
    return layer


def test_every_scheme_has_a_layer_with_the_executions_of_its_kernels() -> None:
    assert set(FORMS) == set(SCHEMES.values())
    for kind, form in FORMS.items():
        assert form.layer.executions == kind.method_names


@on_every_scheme
@examples
@given(seed=seeds)
def test_a_layer_starts_as_it_was_fitted(kind, seed) -> None:
    for case in (random_case, fitted_case):
        module, fitted, images = case(kind, seed)
        before, arrays = module.weight.detach().clone(), {name: a.copy() for name, a in fitted.arrays.items()}
        shaken(trainable(module, fitted), seed)
        assert all(np.array_equal(array, fitted.arrays[name]) for name, array in arrays.items())
        layer = trainable(module, fitted)
        tolerance = 1e-6 * (1 + np.abs(fitted.weights).max())
        np.testing.assert_allclose(layer.weight().detach(), fitted.weights, rtol=0, atol=tolerance)
        assert torch.equal(module.weight.detach(), before)
        expected = functional.conv2d(
            images.float(),
            layer.weight(),
            module.bias,
            module.stride,
            module.padding,
            module.dilation,
            module.groups,
        )
        assert torch.equal(layer(images.float()), expected)


@on_every_scheme
@examples
@given(seed=seeds)
def test_executions_and_their_gradients_are_equal(kind, seed) -> None:
    module, fitted, images = random_case(kind, seed)
    layer = shaken(trainable(module, fitted).double(), seed)
    results = {}
    for execution in layer.executions:
        layer.zero_grad()
        inputs = images.clone().requires_grad_()
        output = layer(inputs, execution)
        (output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)).sum().backward()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in layer.parameters()]
        results[execution] = [output.detach(), inputs.grad, *gradients]
    scale = 1 + max(float(value.abs().max()) for value in results[DIRECT] if value.numel())
    for found in results.values():
        for value, expected in zip(found, results[DIRECT], strict=True):
            torch.testing.assert_close(value, expected, rtol=0, atol=1e-11 * scale)


def largest_sum(layer, inputs) -> float:
    """What an output's terms can add up to, each without its sign: fitted terms may cancel each other."""
    bank = isinstance(layer, BankLayer)
    weights = layer.mixing().abs() @ layer.bank().abs().flatten(2) if bank else layer.weight()
    return float(weights.detach().abs().max() * inputs.abs().max() * layer.shape.group_inputs * layer.shape.kernel_area)


@on_every_scheme
@examples
@given(seed=seeds)
def test_executions_are_equal_in_float32_too(kind, seed) -> None:
    module, fitted, images = fitted_case(kind, seed)
    layer = trainable(module, fitted)
    direct = layer(images.float())
    for execution in layer.executions:
        atol = 1e-4 + 1e-5 * largest_sum(layer, images)
        torch.testing.assert_close(layer(images.float(), execution), direct, rtol=1e-4, atol=atol)


@on_every_scheme
@examples
@given(seed=seeds)
def test_trained_arrays_pack_to_the_same_weights_at_no_more_cost(kind, seed) -> None:
    for case in (random_case, fitted_case):
        module, fitted, _ = case(kind, seed)
        shape, scheme = fitted.shape, fitted.scheme
        layer = shaken(shaken(trainable(module, fitted), seed), seed + 1)
        packed = pack_layer(shape, scheme, layer.arrays())
        arrays = unpack_layer(packed)
        for name, array in layer.arrays().items():
            assert array.dtype == arrays[name].dtype
            assert np.array_equal(array, arrays[name])
        weight = layer.weight().detach().numpy()
        tolerance = 1e-5 * (1 + np.abs(weight).max())
        np.testing.assert_allclose(reconstruct(shape, scheme, arrays), weight, rtol=1e-5, atol=tolerance)
        trained = fitted_layer(fitted.weights, shape, scheme, arrays)
        counted = scheme.storage(shape, trained.usage)
        assert packed.storage == {name: bits for name, bits in counted.items() if bits or name in packed.storage}
        before, after = (layer_cost(shape, scheme, 8, one.usage) for one in (fitted, trained))
        assert after.storage_bits <= before.storage_bits
        for execution, operations in after.executions.items():
            assert operations.bit_ops <= before.executions[execution].bit_ops
            if operations.method == before.executions[execution].method:  # the cheaper one may hold more at once
                assert operations.scratch_bytes <= before.executions[execution].scratch_bytes


@on_every_scheme
@examples
@given(seed=seeds)
def test_a_frozen_layer_keeps_its_integers(kind, seed) -> None:
    module, fitted, _ = fitted_case(kind, seed)
    layer = shaken(trainable(module, fitted), seed)
    layer.weight()
    unfrozen = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.freeze()
    before = {name: array.copy() for name, array in layer.arrays().items()}
    kept = {name: value.clone() for name, value in layer.state_dict().items()}
    shaken(shaken(layer, seed + 1), seed + 2)
    after = layer.arrays()
    for name, array in before.items():
        is_trained_on = name == "palette" or getattr(fitted.scheme, "coefficient_bits", 1) == 32
        if array.dtype.kind in "iu" and not is_trained_on:
            assert np.array_equal(after[name], array)
    weight = layer.weight()
    expected = weight.detach().numpy()
    tolerance = 1e-5 * (1 + np.abs(expected).max())
    found = reconstruct(fitted.shape, fitted.scheme, after)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=tolerance)
    if layer.integers().numel() and weight.requires_grad:
        weight.sum().backward()
        assert any(parameter.grad is None for parameter in layer.parameters())
    again = trainable(module, fitted)
    again.load_state_dict(kept)
    assert again.is_frozen
    for name, array in again.arrays().items():
        assert np.array_equal(array, before[name])
    again.load_state_dict(unfrozen)
    assert again.is_frozen == (not again.integers().numel())
    assert torch.equal(again.weight(), shaken(trainable(module, fitted), seed).weight())


@on_every_scheme
@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_the_kernels_compute_what_the_trained_layer_computes(kind, seed) -> None:
    module, fitted, images = fitted_case(kind, seed)
    layer = shaken(trainable(module, fitted), seed)
    layer.bias = None
    packed = pack_layer(fitted.shape, fitted.scheme, layer.arrays())
    image = images[0].float()
    expected = layer(image).detach().numpy()
    tolerance = 1e-4 * (1 + np.abs(expected).max())
    for execution in layer.executions:
        np.testing.assert_allclose(run_layer(packed, image.numpy(), execution, 32), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", [kind for kind, form in FORMS.items() if form.examples(LINEAR)])
@settings(max_examples=10, deadline=None)
@given(seed=seeds, inner=st.sampled_from([(), (3,), (2, 3)]))
def test_a_linear_layer_is_a_1x1_convolution(kind, seed, inner) -> None:
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed % 2**31)
    shape = ConvShape.linear(int(generator.integers(1, 7)), int(generator.integers(1, 9)))
    scheme = random_scheme(kind, shape, generator, 6)
    module = nn.Linear(shape.in_channels, shape.out_channels)
    weights = module.weight.detach().numpy().reshape(shape.weight_shape)
    layer = trainable(module, fit(weights, shape, scheme)).double()
    inputs = torch.randn(*inner, shape.in_channels, dtype=torch.float64)
    plain = layer.as_module()
    assert type(plain) is nn.Linear
    for execution in layer.executions:
        atol = 1e-12 * (1 + largest_sum(layer, inputs))
        torch.testing.assert_close(layer(inputs, execution), plain(inputs), rtol=0, atol=atol)


TRAINED_SHAPE = ConvShape(8, 12, (3, 3), (5, 5), padding=(1, 1), groups=2)
TRAINED = [scheme for form in dict.fromkeys(FORMS.values()) for scheme in form.trained_examples(TRAINED_SHAPE)]


def test_every_form_is_trained() -> None:
    assert {type(scheme) for scheme in TRAINED} == set(FORMS)


@pytest.mark.parametrize("scheme", TRAINED, ids=str)
def test_training_lowers_the_loss(scheme) -> None:
    """The target is what the same layer computes at another place, so that all of the loss could go."""
    torch.manual_seed(0)
    shape = TRAINED_SHAPE
    module, images = module_of(shape, True), torch.randn(16, 12, 5, 5)
    fitted = fit(module.weight.detach().numpy(), shape, scheme)
    target = shaken(trainable(module, fitted), 0, size=2.0)(images).detach()
    layer = trainable(module, fitted)
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)
    losses = []
    for _ in range(80):
        loss = (layer(images) - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        layer.after_step()
    assert min(losses[1:4]) < losses[0]
    assert min(losses) < 0.8 * losses[0]


@on_every_scheme
def test_what_does_not_fit_is_refused(kind) -> None:
    module, fitted, images = random_case(kind, 3)
    shape = fitted.shape
    with pytest.raises(LayerError, match="got Conv1d; a Conv2d or a Linear is trained in a compressed form"):
        trainable(nn.Conv1d(2, 2, 3), fitted)
    circular = module_of(shape, False)
    circular.padding_mode = "circular"
    with pytest.raises(LayerError, match="got circular; the layer pads with zeros"):
        trainable(circular, fitted)
    wider = nn.Conv2d(shape.in_channels, shape.out_channels * 2, shape.kernel, groups=shape.groups)
    with pytest.raises(LayerError, match="the layer has the shape that was fitted"):
        trainable(wider, fitted)
    with pytest.raises(LayerError, match=f"got fastest; {fitted.scheme.name} runs as direct.*; choose one"):
        trainable(module, fitted)(images.float(), "fastest")
