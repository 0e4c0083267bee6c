import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from explorer.measurement.activation_ranges import (
    ActivationRange,
    ActivationRanges,
    fake_quantize,
    measure_activation_ranges,
)
from explorer.measurement.quantized_graph import quantized_graph
from explorer.networks.trace import load_weights, trace
from explorer.system.errors import QualityError

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Residual(nn.Module):
    """Every kind of step that matters: a fused chain, an addition, pooling that chooses and that averages, a view."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu_(self.norm(self.first(x)))
        x = torch.relu(self.second(x) + x)
        x = nn.functional.max_pool2d(x, 2)
        x = x.mean((2, 3), keepdim=True)
        return self.last(x.flatten(1))


@pytest.fixture
def residual():
    torch.manual_seed(0)
    return trace(Residual(), IMAGES[:1], "residual")


def test_fake_quantization_by_hand():
    # range -1..2 at 2 bits: scale 3/3 = 1, zero point 1, levels 0..3 stand for -1, 0, 1, 2
    found = ActivationRange(-1.0, 2.0)
    assert (found.scale(2), found.zero_point(2)) == (1.0, 1)
    values = torch.tensor([-7.0, -0.6, -0.4, 0.0, 0.5, 0.6, 1.5, 2.4, 7.0])
    assert fake_quantize(values, 1.0, 1, 2).tolist() == [-1.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0]


def test_scale_and_zero_point_by_hand():
    found = ActivationRange(-0.5, 12.25)
    assert found.scale(8) == (12.25 - -0.5) / (2**8 - 1) == 0.05
    assert found.zero_point(8) == 0.5 / 0.05 == 10
    assert ActivationRange(0.0, 0.0).scale(8) == 1.0


def test_values_that_are_not_finite_are_not_hidden():
    values = torch.tensor([math.nan, math.inf, -math.inf, 1e30])
    rounded = fake_quantize(values, 0.5, 1, 3).tolist()
    assert math.isnan(rounded[0])
    assert rounded[1:] == [(7 - 1) * 0.5, (0 - 1) * 0.5, (7 - 1) * 0.5]


@given(
    low=st.floats(-10, 0),
    high=st.floats(0.01, 10),
    bits=st.integers(2, 16),
    seed=st.integers(0, 1000),
)
def test_rounding_is_that_of_torch_and_keeps_zero(low, high, bits, seed):
    found = ActivationRange(low, high)
    scale, zero_point = found.scale(bits), found.zero_point(bits)
    values = torch.randn(200, generator=torch.Generator().manual_seed(seed)) * 5
    values[0] = 0.0
    rounded = fake_quantize(values, scale, zero_point, bits)
    reference = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 2**bits - 1)
    assert torch.allclose(rounded, reference, rtol=0, atol=scale * 1.001)
    assert (rounded != reference).sum() <= 2  # a value within float32's rounding of the middle of two levels
    assert rounded[0] == 0
    inside = values[(values > low + scale) & (values < high - scale)]
    assert ((fake_quantize(inside, scale, zero_point, bits) - inside).abs() <= 0.501 * scale).all()
    assert torch.equal(fake_quantize(rounded, scale, zero_point, bits), rounded)
    assert len(rounded.unique()) <= 2**bits


def test_what_is_written_to_memory_is_rounded_and_nothing_else(residual):
    ranges = measure_activation_ranges(residual, IMAGES, 8).by_tensor
    kinds = [operation.kind for operation in residual.spec.operations if operation.output in ranges]
    # not the convolution and normalization before a ReLU, nor the addition before one, the max pooling, view and output
    assert kinds == ["relu", "conv2d", "relu", "mean"]
    assert set(residual.spec.inputs) < set(ranges)
    assert len(ranges) == 1 + 4
    nodes = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8)).graph.nodes
    assert sum(node.target is fake_quantize for node in nodes) == 1 + 4


def test_every_reader_reads_the_rounded_values(residual):
    graph = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8))
    for node in graph.graph.nodes:
        if node.target is fake_quantize:
            assert list(node.args[0].users) == [node]


def test_only_new_memory_is_rounded_in_place_and_the_input_stays(residual):
    graph, images = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8)), IMAGES.clone()
    rounded = [node for node in graph.graph.nodes if node.target is fake_quantize]
    # the input is the caller's, the first ReLU works in place itself, a mean is not on the list
    assert [bool(node.kwargs.get("in_place")) for node in rounded] == [False, False, True, True, False]
    with torch.inference_mode():
        found = graph(images)
        for node in rounded:
            node.kwargs = {}
        graph.recompile()
        assert torch.equal(found, graph(images))
    assert torch.equal(images, IMAGES)


def test_values_that_need_a_gradient_are_not_rounded_in_place():
    values = torch.tensor([0.3, 0.8], requires_grad=True)
    doubled = 2 * values
    assert fake_quantize(doubled, 0.5, 0, 8, in_place=True).tolist() == [0.5, 1.5]
    assert doubled.tolist() == pytest.approx([0.6, 1.6])
    plain = torch.tensor([0.6, 1.6])
    assert fake_quantize(plain, 0.5, 0, 8, in_place=True) is plain


def test_the_rounded_network_computes_what_its_parts_do_by_hand(residual):
    ranges = measure_activation_ranges(residual, IMAGES, 3)
    outputs = [operation.output for operation in residual.spec.operations]
    first, second, added, mean = (ranges.by_tensor[output] for output in outputs if output in ranges.by_tensor)

    def rounded(values, found):
        return fake_quantize(values, found.scale(3), found.zero_point(3), 3)

    torch.manual_seed(0)
    module = Residual().eval()
    with torch.no_grad():
        x = rounded(IMAGES, ranges.by_tensor[residual.spec.inputs[0]])
        x = rounded(torch.relu(module.norm(module.first(x))), first)
        x = rounded(torch.relu(rounded(module.second(x), second) + x), added)
        x = nn.functional.max_pool2d(x, 2)
        x = rounded(x.mean((2, 3)), mean)
        expected = module.last(x)
        found = quantized_graph(residual, ranges)(IMAGES)
        plain = module(IMAGES)
    assert torch.equal(found, expected)
    assert not torch.allclose(plain, expected)


def test_32_bits_change_nothing(residual):
    ranges = measure_activation_ranges(residual, IMAGES, 32)
    assert ranges == ActivationRanges(32, {})
    with torch.no_grad():
        assert torch.equal(quantized_graph(residual, ranges)(IMAGES), residual.graph(IMAGES))


def test_more_bits_come_closer(residual):
    errors = []
    with torch.no_grad():
        plain = residual.graph(IMAGES)
        for bits in (2, 4, 8, 16):
            graph = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, bits))
            errors.append(float((graph(IMAGES) - plain).abs().max()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 * errors[0]


def test_parameters_are_shared_at_the_time_of_the_call_and_loading_elsewhere_is_not_seen(residual):
    graph = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8))
    for name, parameter in residual.graph.named_parameters():
        assert graph.get_parameter(name) is parameter
    with torch.no_grad():
        before, plain = graph(IMAGES), residual.graph(IMAGES)
        load_weights(residual, {name: np.zeros_like(array) for name, array in residual.weights.items()})
        assert torch.equal(graph(IMAGES), before)
        assert not torch.equal(residual.graph(IMAGES), plain)
        assert not torch.equal(
            quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8))(IMAGES), before
        )


def test_other_weights_run_by_functional_call(residual):
    graph = quantized_graph(residual, measure_activation_ranges(residual, IMAGES, 8))
    with torch.no_grad():
        before = graph(IMAGES)
        zeros = {"last.weight": torch.zeros(3, 4), "last.bias": torch.tensor([1.0, 2.0, 3.0])}
        changed = torch.func.functional_call(graph, zeros, (IMAGES,))
        assert torch.equal(changed, torch.tensor([1.0, 2.0, 3.0]).expand(40, 3))
        assert torch.equal(graph(IMAGES), before)


class Passing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return self.layer(x)


def input_range(images, bits):
    traced = trace(Passing(), images[:1], "passing")
    (found,) = measure_activation_ranges(traced, images, bits).by_tensor.values()
    return found


def squared_error(images, found, bits):
    return float((fake_quantize(images, found.scale(bits), found.zero_point(bits), bits) - images).square().sum())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("signed", [False, True])
def test_the_range_is_the_best_of_a_fine_search(bits, signed):
    images = torch.randn(20, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    images = images if signed else images.relu()
    found = input_range(images, bits)
    low, high = float(images.min().clamp_max(0)), float(images.max())
    shares = [number / 40 for number in range(1, 41)]
    searched = min(
        squared_error(images, ActivationRange(low * below, high * above), bits)
        for below in (shares if signed else [0.0])
        for above in shares
    )
    assert squared_error(images, found, bits) <= 1.02 * searched
    assert low <= found.low <= 0 <= found.high <= high


def test_an_outlier_is_clipped_where_levels_are_few_and_kept_where_they_are_many():
    images = torch.rand(20, 1, 16, 16, generator=torch.Generator().manual_seed(2))
    images[0, 0, 0, 0] = 8.0
    assert input_range(images, 3).high < 2.0
    assert input_range(images, 16).high == 8.0


def test_a_tensor_that_is_always_zero_stays_zero():
    images = torch.zeros(3, 1, 4, 4)
    found = input_range(images, 8)
    assert (found.low, found.high) == (0, 0)
    assert fake_quantize(images, found.scale(8), found.zero_point(8), 8).abs().max() == 0


def test_negative_values_alone_keep_zero_in_their_range():
    found = input_range(-1 - torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)), 8)
    assert found.high == 0
    assert -2 <= found.low < -1.5


def test_calibration_repeats_exactly(residual):
    assert measure_activation_ranges(residual, IMAGES, 8) == measure_activation_ranges(residual, IMAGES, 8)


@pytest.mark.parametrize("bits", [17, 0, -8])
def test_other_bits_are_refused(residual, bits):
    with pytest.raises(QualityError, match=f"got {bits}; activations have 1 to 16 bits, or 32"):
        measure_activation_ranges(residual, IMAGES, bits)


def test_activations_that_are_not_finite_are_refused(residual):
    load_weights(residual, {"second": np.full((4, 4, 3, 3), np.nan, np.float32)})
    with pytest.raises(QualityError, match=r".* of residual; activations are finite"):
        measure_activation_ranges(residual, IMAGES, 8)


def test_calibration_needs_an_input(residual):
    with pytest.raises(QualityError, match="at least one input"):
        measure_activation_ranges(residual, IMAGES[:0], 8)


def test_a_range_without_zero_is_refused():
    with pytest.raises(QualityError, match="finite and holds 0"):
        ActivationRange(1.0, 2.0)
    with pytest.raises(QualityError, match="finite and holds 0"):
        ActivationRange(0.0, math.inf)


def test_the_range_of_an_activation_is_not_that_of_a_later_step_in_place() -> None:
    """The convolution gives -1 to 1; then 5 is added in place."""

    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1, bias=False)
            nn.init.ones_(self.conv.weight)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = self.conv(images)
            x += images + 5
            return x.mean((2, 3))

    traced = trace(InPlace().eval(), torch.zeros(1, 1, 4, 4), "in place")
    images = torch.linspace(-1, 1, 32).reshape(2, 1, 4, 4)
    found = measure_activation_ranges(traced, images, 8).by_tensor["conv"]
    assert (found.low, found.high) == pytest.approx((-1, 1), abs=0.1)
