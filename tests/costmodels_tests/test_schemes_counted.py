"""The formulas of the shared executions against layers that are really run that way, step by step, with a counter.

Values are small integers, so the results must equal the plain convolution exactly. Accumulating into a zeroed
accumulator counts as one, as in the conventions.
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels.schemes import LayerUsage, LinearRepresentation, SparseBasis, StackedBinary
from costmodels.shapes import ConvShape


@st.composite
def layers(draw):
    """A small layer with groups, depthwise ones among them, its padded input, a divisor s, and a source of numbers."""
    groups, channels, filters = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 3))
    kernel = draw(st.sampled_from([(3, 3), (1, 3), (2, 2)]))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    shape = ConvShape(groups * filters, groups * channels, kernel, (4, 5), stride, padding, groups=groups)
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    image = random.integers(-3, 4, (shape.in_channels, 4, 5))
    segment_channels = draw(st.sampled_from([count for count in (1, 2, 4) if channels % count == 0]))
    return shape, image, segment_channels, random


def taps(shape, channel):
    """The values that each kernel element meets at all output positions: (kh, kw, H', W')."""
    padded = np.pad(channel, shape.pads)
    (height, width), (down, right) = shape.output_size, shape.stride
    rows, columns = shape.kernel
    return np.array(
        [
            [padded[r : r + down * height : down, c : c + right * width : right] for c in range(columns)]
            for r in range(rows)
        ]
    )[:, :, :height, :width]


def convolve(shape, channels, weights, counter, name):
    """The map of one filter, one accumulation for each weight at each position."""
    total = np.zeros(shape.output_size, dtype=int)
    for channel, kernel in zip(channels, weights, strict=True):
        for value, weight in zip(taps(shape, channel).reshape(-1, *shape.output_size), kernel.ravel(), strict=True):
            total += weight * value
            counter[name] += total.size
    return total


def plain(shape, image, weights):
    """The uncompressed convolution; its counter must come out at the dense MACs."""
    counter = Counter()
    groups = [image[group * shape.group_inputs :][: shape.group_inputs] for group in range(shape.groups)]
    out = [convolve(shape, groups[i // shape.group_outputs], w, counter, "macs") for i, w in enumerate(weights)]
    assert counter["macs"] == shape.dense_macs
    return np.array(out)


def group_of(shape, filter_index):
    return filter_index // shape.group_outputs


def segment_of(shape, image, group, segment, size):
    return image[group * shape.group_inputs + segment * size :][:size]


def counts(work):
    return {"macs": work.macs, "additions": work.additions, "multiplications": work.multiplications}


@given(layers(), st.integers(1, 5))
def test_stacked_binary_filters(layer, filters):
    shape, image, size, random = layer
    segments = shape.group_inputs // size
    bank = random.choice([-1, 1], (shape.groups, filters, size, *shape.kernel))
    chosen = random.integers(0, filters, (shape.out_channels, segments))
    counter, maps = Counter(macs=0, additions=0, multiplications=0), {}
    out = np.zeros((shape.out_channels, *shape.output_size), dtype=int)
    for i, choice in enumerate(chosen):
        group = group_of(shape, i)
        for j, member in enumerate(choice):
            if (group, j, member) not in maps:
                part = segment_of(shape, image, group, j, size)
                maps[group, j, member] = convolve(shape, part, bank[group, member], counter, "additions")
            out[i] += maps[group, j, member]
            counter["additions"] += out[i].size if j else 0  # the first map is taken as it is
    whole = [np.concatenate([bank[group_of(shape, i), member] for member in choice]) for i, choice in enumerate(chosen)]
    assert np.array_equal(out, plain(shape, image, np.array(whole)))
    work = StackedBinary(size, filters).executions(shape, 8, LayerUsage(pairs=len(maps)))["shared-maps"]
    assert counts(work) == counter
    assert work.additions <= StackedBinary(size, filters).executions(shape, 8)["shared-maps"].additions


@given(layers(), st.integers(1, 4))
def test_sparse_basis(layer, filters):
    shape, image, size, random = layer
    segments = shape.group_inputs // size
    basis = random.integers(-3, 4, (shape.groups, filters, size, *shape.kernel))
    coefficients = random.integers(-2, 3, (shape.out_channels, segments, filters))
    counter, maps = Counter(macs=0, additions=0, multiplications=0), {}
    out = np.zeros((shape.out_channels, *shape.output_size), dtype=int)
    for i, j, member in np.argwhere(coefficients).tolist():
        group = group_of(shape, i)
        if (group, j, member) not in maps:
            part = segment_of(shape, image, group, j, size)
            maps[group, j, member] = convolve(shape, part, basis[group, member], counter, "macs")
        out[i] += coefficients[i, j, member] * maps[group, j, member]
        counter["macs"] += out[i].size
    whole = [
        np.concatenate([np.tensordot(row, basis[group_of(shape, i)], 1) for row in rows])
        for i, rows in enumerate(coefficients)
    ]
    assert np.array_equal(out, plain(shape, image, np.array(whole)))
    used = LayerUsage(nonzeros=int(np.count_nonzero(coefficients)), pairs=len(maps))
    work = SparseBasis(size, filters, basis_bits=8).executions(shape, 8, used)["shared-maps"]
    assert counts(work) == counter


@pytest.mark.parametrize("method", ["convolve-then-add", "add-then-convolve"])
@given(layer=layers(), templates=st.integers(1, 4))
def test_linear_representation(method, layer, templates):
    shape, image, _, random = layer
    codebook = random.integers(-3, 4, (templates, *shape.kernel))
    a, b = random.integers(-2, 3, (2, shape.out_channels, shape.group_inputs))
    chosen = random.integers(0, templates, (shape.out_channels, shape.group_inputs))
    run = convolve_then_add if method == "convolve-then-add" else add_then_convolve
    counter = Counter(macs=0, additions=0, multiplications=0)
    out = run(shape, image, codebook, a, b, chosen, counter)
    whole = a[..., None, None] * codebook[chosen] + b[..., None, None]
    assert np.array_equal(out, plain(shape, image, whole))
    by_input = {(group_of(shape, i), j, chosen[i, j]) for i, j in np.ndindex(chosen.shape)}
    by_output = {(i, chosen[i, j]) for i, j in np.ndindex(chosen.shape)}
    used = LayerUsage(templates_by_input=len(by_input), templates_by_output=len(by_output))
    scheme = LinearRepresentation(templates)
    formula = {"convolve-then-add": scheme._convolve_then_add, "add-then-convolve": scheme._add_then_convolve}[method]
    assert counts(formula(shape, 8, used)) == counter


def convolve_then_add(shape, image, codebook, a, b, chosen, counter):
    """Every channel's templates and its box sum first, then two coefficient MACs for each kernel."""
    maps, boxes = {}, {}
    out = np.zeros((shape.out_channels, *shape.output_size), dtype=int)
    for channel, values in enumerate(image):
        elements = taps(shape, values).reshape(-1, *shape.output_size)
        boxes[channel] = elements.sum(axis=0)
        counter["additions"] += (len(elements) - 1) * boxes[channel].size
    for i, j in np.ndindex(chosen.shape):
        channel = group_of(shape, i) * shape.group_inputs + j
        key = channel, chosen[i, j]
        if key not in maps:
            maps[key] = convolve(shape, image[channel][None], codebook[chosen[i, j]][None], counter, "macs")
        out[i] += a[i, j] * maps[key] + b[i, j] * boxes[channel]
        counter["macs"] += 2 * out[i].size
    return out


def add_then_convolve(shape, image, codebook, a, b, chosen, counter):
    """A filter's channels are added by template, and all of them for the box; then each sum is convolved once."""
    out = np.zeros((shape.out_channels, *shape.output_size), dtype=int)
    for i in range(shape.out_channels):
        channels = image[group_of(shape, i) * shape.group_inputs :][: shape.group_inputs]
        for template in set(chosen[i]):
            members = [j for j in range(shape.group_inputs) if chosen[i, j] == template]
            added = sum(a[i, j] * channels[j] for j in members)
            counter["macs"] += len(members) * added.size
            out[i] += convolve(shape, added[None], codebook[template][None], counter, "macs")
        box = sum(b[i, j] * channels[j] for j in range(shape.group_inputs))
        counter["macs"] += shape.group_inputs * box.size
        out[i] += convolve(shape, box[None], np.ones((1, *shape.kernel), dtype=int), counter, "additions")
    return out
