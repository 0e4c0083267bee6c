"""Multiply-accumulates per layer against torch's FlopCounterMode and fvcore."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.networks.trace import trace
from explorer.networks.zoo import ZOO, build
from explorer.validation.layer_counters import LayerCount, count_layers


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_agrees_with_both_counters(zoo_spec, name):
    module, example = build(name)
    spec = zoo_spec(name)
    counts = count_layers(module, example, spec)
    assert [(count.flop_counter_macs, count.fvcore_macs, count.note) for count in counts] == [
        (layer.shape.dense_macs, layer.shape.dense_macs, "") for layer in spec.layers
    ]
    assert sum(count.macs for count in counts) == spec.dense_macs


@st.composite
def networks(draw):
    """Two random convolutions and a linear layer; groups, stride, dilation, rectangular kernels, padding as text."""
    groups = draw(st.sampled_from([1, 2, 4]))
    text = draw(st.sampled_from(["", "same", "valid"]))
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    small = st.tuples(st.integers(1, 2), st.integers(1, 2))
    first = nn.Conv2d(
        3, 8, draw(pair), stride=1 if text == "same" else draw(small), padding=text or draw(small), dilation=draw(small)
    )
    second = nn.Conv2d(8, 8, draw(pair), groups=draw(st.sampled_from([groups, 8])), bias=False, padding=2)
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(first, nn.ReLU(), second, nn.BatchNorm2d(8), pool, nn.Flatten(), nn.Linear(8, 3)), text


@given(networks(), st.integers(8, 12), st.integers(8, 12))
@settings(max_examples=25, deadline=None)
def test_random_networks_agree(drawn, height, width):
    module, text = drawn
    example = torch.zeros(1, 3, height, width)
    traced = trace(module, example, "random")
    first, *others = count_layers(module, example, traced.spec)
    assert first.flop_counter_macs == first.macs
    assert first.fvcore_macs == (0 if text else first.macs)
    assert bool(first.note) == bool(text)
    assert all(count.flop_counter_macs == count.fvcore_macs == count.macs and not count.note for count in others)
    sizes = {tensor.name: tensor.elements for tensor in traced.spec.tensors}
    for layer in traced.spec.layers:
        assert sizes[layer.name] == layer.shape.output_elements


def test_fvcore_zero_for_padding_as_text_is_detected_and_said():
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding="same"), nn.Conv2d(8, 8, 3, padding=1))
    example = torch.zeros(2, 3, 8, 8)
    first, second = count_layers(module, example, trace(module, example, "text").spec)
    macs = 8 * 3 * 9 * 64
    note = "fvcore counts 0 for padding given as text (aten::_convolution_mode)"
    assert first == LayerCount("0", macs, flop_counter_macs=macs, fvcore_macs=0, note=note)
    assert second.note == ""
    assert first.agrees
    assert second.agrees


def test_a_shared_weight_is_counted_at_every_module_that_holds_it():
    module = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    module[2].weight = module[0].weight
    example = torch.zeros(1, 4, 6, 6)
    (count,) = count_layers(module, example, trace(module, example, "tied").spec)
    assert count.macs == count.flop_counter_macs == count.fvcore_macs == 2 * 4 * 4 * 9 * 36


def test_a_wrong_count_does_not_agree():
    assert not LayerCount("x", macs=10, flop_counter_macs=10, fvcore_macs=9).agrees
    assert not LayerCount("x", macs=10, flop_counter_macs=11, fvcore_macs=10).agrees
