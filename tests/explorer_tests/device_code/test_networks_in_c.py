"""Networks in C: every operation that has a C form, against the packed network and bit by bit against the program."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from costmodels import Dense, Pruned, StackedBinary
from explorer.deployment.device_code.folder import c_folder
from explorer.deployment.device_code.packed_integers import in_integers
from explorer.deployment.device_code.reading import integer_network
from explorer.deployment.device_code.steps import (
    AddStep,
    ConvStep,
    DepthwiseStep,
    FlattenStep,
    MaxPoolStep,
    RescaleStep,
    SingleStep,
    SumPoolStep,
    TransposedStep,
)
from explorer.networks.transposed import spread_transposed
from explorer.networks.zoo import build
from explorer.system.errors import DeviceCodeError, NetworkError


class Shortcut(nn.Module):
    """Residual additions: with a projection, and with a slice and channels of zeros; ReLU6; a strided convolution."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 10, 3, stride=2, padding=1)
        self.third = nn.Conv2d(10, 10, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(10)
        self.last = nn.Linear(10, 4)

    def forward(self, x):
        x = functional.relu6(self.first(x))
        y = functional.relu(self.second(x))
        y = functional.relu(y + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 3)))
        y = functional.relu(self.norm(self.third(y)) - y)
        return self.last(y.mean((2, 3)))


class Branches(nn.Module):
    """Concatenation of branches, grouped, dilated and depthwise convolutions, pooling of several kinds, flatten."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(4, 8, (3, 5), padding="same", dilation=(2, 1), groups=2)
        self.deep = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.join = nn.Conv2d(16, 6, 1)
        self.even = nn.Conv2d(6, 5, (2, 4))
        self.last = nn.Linear(5 * 3 * 2, 7)

    def forward(self, x):
        pooled = functional.max_pool2d(x, 3, 1, 1)
        y = torch.cat([functional.relu(self.wide(x)), self.deep(x), pooled], 1)
        y = functional.avg_pool2d(functional.hardtanh(self.join(y), -0.5, 0.7), 2, ceil_mode=False)
        y = functional.pad(y, (0, 1, 1, 0))
        y = functional.relu(self.even(y))
        y = functional.max_pool2d(y, 2, 1, ceil_mode=True)
        return self.last(torch.flatten(functional.adaptive_max_pool2d(y, (3, 2)), 1))


class Separable(nn.Module):
    """Depthwise and pointwise layers by turns: strides, an even filter, more channels and fewer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 32, (5, 4), stride=2, padding=(2, 1))
        self.deep = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.wide = nn.Conv2d(32, 64, 1)
        self.strided = nn.Conv2d(64, 64, 3, stride=2, padding=1, groups=64)
        self.narrow = nn.Conv2d(64, 32, 1)
        self.even = nn.Conv2d(32, 32, (4, 2), groups=32)
        self.last = nn.Linear(32, 5)

    def forward(self, x):
        for layer in (self.first, self.deep, self.wide, self.strided, self.narrow, self.even):
            x = functional.relu(layer(x))
        return self.last(x.mean((2, 3)))


class Same(nn.Module):
    """Zeros that are written out before layers with strides, more of them behind, as TensorFlow's "same" has them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, (10, 4), stride=2)
        self.deep = nn.Conv2d(8, 8, 3, stride=(3, 2), groups=8)
        self.last = nn.Linear(8, 5)

    def forward(self, x):
        x = functional.relu(self.first(functional.pad(x, (1, 1, 4, 5))))
        x = functional.relu(self.deep(functional.pad(x, (0, 1, 1, 2))))
        return self.last(x.mean((2, 3)))


class Scaled(nn.Module):
    """A batch normalization that folds into no layer, a product with a number, a last step that is no layer."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 4, 3)
        with torch.no_grad():
            self.norm.running_mean.uniform_(-1, 1)
            self.norm.running_var.uniform_(0.5, 2)
            self.norm.weight.uniform_(-1, 1)

    def forward(self, x):
        x = functional.relu(self.norm(x))
        return functional.avg_pool2d(functional.relu(self.conv(x)), 3).flatten(1) * 0.5 + 1


class Line(nn.Module):
    """One dimension, and one channel."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 5, 4, stride=2, padding=1)
        self.second = nn.Conv1d(5, 3, 3, dilation=2)

    def forward(self, x):
        x = functional.avg_pool1d(functional.relu(self.first(x)), 2)
        return functional.max_pool1d(self.second(x).clamp(min=-0.25), 2)


class Heads(nn.Module):
    """Two outputs, one of them a map of several places."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Conv2d(2, 6, 3, padding=1)
        self.map = nn.Conv2d(6, 2, 1)
        self.answer = nn.Linear(6, 3)

    def forward(self, x):
        x = functional.relu(self.trunk(x))
        return self.map(x), functional.relu(self.answer(functional.adaptive_avg_pool2d(x, 1).flatten(1)))


class Upsampling(nn.Module):
    """A U-Net: transposed convolutions with groups, a normalization that folds, an output padding and a concatenation;
    of a part of a tensor with zeros around it, of one tap, and of a stride of 1, which is any convolution."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=(0, 1), groups=2)
        self.norm = nn.BatchNorm2d(6)
        self.next = nn.ConvTranspose2d(14, 4, 4, stride=(2, 3), padding=1, bias=False)
        self.same = nn.ConvTranspose2d(4, 4, 3, padding=1, groups=4)
        self.taps = nn.ConvTranspose2d(4, 3, 1, stride=2)
        with torch.no_grad():
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = functional.relu(self.first(x))
        y = functional.relu(self.norm(self.up(functional.relu(self.down(x)))))
        y = functional.relu(self.next(functional.pad(torch.cat([y, x], 1)[:, :, 1:], (1, 0, 0, 2))))
        return self.taps(functional.relu(self.same(y)))


class Row(nn.Module):
    """Transposed convolutions of one dimension: dilated, and such that values are cut off."""

    def __init__(self):
        super().__init__()
        self.first = nn.ConvTranspose1d(2, 6, 4, stride=3, dilation=2)
        self.last = nn.ConvTranspose1d(6, 3, 3, stride=2, padding=4)

    def forward(self, x):
        return self.last(functional.relu(self.first(x)))


CASES = {
    "shortcut": (Shortcut, (3, 9, 8), {AddStep, RescaleStep, SumPoolStep}),
    "branches": (Branches, (4, 8, 11), {MaxPoolStep, RescaleStep, SumPoolStep, FlattenStep}),
    "separable": (Separable, (1, 17, 11), {ConvStep, DepthwiseStep, SingleStep, SumPoolStep}),
    "same": (Same, (1, 17, 10), {ConvStep, DepthwiseStep}),
    "scaled": (Scaled, (3, 9, 9), {RescaleStep, SumPoolStep}),
    "line": (Line, (1, 41), {SumPoolStep, MaxPoolStep}),
    "heads": (Heads, (2, 5, 7), {SumPoolStep}),
    "upsampling": (Upsampling, (2, 5, 6), {ConvStep, DepthwiseStep, TransposedStep, RescaleStep}),
    "row": (Row, (2, 9), {TransposedStep}),
}


def seeded(make, seed=0):
    torch.manual_seed(seed)
    module = make()
    spread_transposed(module)
    return module


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", CASES)
def test_operations_are_those_of_the_packed_network(name, bits, exported, images):
    make, size, kinds = CASES[name]
    integer, outputs = exported(seeded(make), images(64, *size), bits=bits)
    assert kinds <= {type(step) for step in integer.steps}
    for mine, theirs in outputs:
        # Halves are rounded otherwise, by a level at most: rare in sums, one in four in averages of four levels.
        apart = np.abs(mine - theirs).max(axis=1)
        scale = np.abs(theirs).max()
        assert np.median(apart) <= 5e-3 * scale
        assert apart.max() <= (0.05 if bits == 8 else 0.5) * scale


@pytest.mark.parametrize("form", [StackedBinary(2, 3, "filter"), Pruned(0.3, 4), Dense(32)], ids=str)
def test_a_network_of_other_forms(form, exported, images):
    forms = {"first": Dense(4), "last": Dense(8)}
    _, [(mine, theirs)] = exported(seeded(Shortcut), images(64, 3, 9, 8), form=form, forms=forms)
    assert np.abs(mine - theirs).max() <= 0.05 * np.abs(theirs).max()


def test_one_bit_activations(exported, images):
    _, [(mine, theirs)] = exported(seeded(Line), images(64, 1, 41), bits=1)
    assert np.abs(mine - theirs).max(axis=1).mean() <= 0.05 * np.abs(theirs).max()


def test_a_network_of_the_zoo(exported):
    """ResNet-20's shortcuts of slices and zeros; of random weights."""
    pictures = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    integer, [(mine, theirs)] = exported(build("resnet20-cifar")[0], pictures, vectors=1)
    assert sum(isinstance(step, AddStep) for step in integer.steps) == 9
    assert np.abs(mine - theirs).max() <= 0.02 * np.abs(theirs).max()


@pytest.mark.parametrize("name", ["separable", "line", "heads", "upsampling"])
def test_a_packed_network_in_integers_gives_the_bits_of_the_program(name, packed, images):
    make, size, _ = CASES[name]
    network, pictures = packed(seeded(make), images(16, *size)), images(16, *size, seed=1)
    integers = in_integers(network)
    found, wanted = integers(pictures), network(pictures)
    pairs = [(found, wanted)] if isinstance(found, torch.Tensor) else list(zip(found, wanted, strict=True))
    assert [mine.shape for mine, _ in pairs] == [theirs.shape for _, theirs in pairs]
    assert all((mine - theirs).abs().max() <= 0.05 * theirs.abs().max() for mine, theirs in pairs)
    folder = c_folder(integers.integers, "", integers.integers.levels_of([pictures.numpy()]))
    # The test vectors' outputs, channels last as the program has them, are the bits of the outputs.
    rows = np.concatenate([_channels_last(mine) for mine, _ in pairs], axis=1).view(np.uint32)
    text = folder.files["test_vectors.h"].decode().split("test_outputs")[1]
    assert [int(number) for number in re.findall(r"(\d+)U", text)] == rows.reshape(-1).tolist()


def _channels_last(outputs):
    """(images, values) of (images, c, ...)."""
    return np.ascontiguousarray(np.moveaxis(outputs.numpy(), 1, -1).reshape(len(outputs), -1))


def test_a_packed_network_in_integers_takes_images_of_its_shape(packed, images):
    network = in_integers(packed(seeded(Line), images(4, 1, 41)))
    with pytest.raises(NetworkError, match=r"\(2, 1, 40\); .* takes \(N, 1, 41\)"):
        network(images(2, 1, 40))


class Refused(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv, self.function = nn.Conv2d(2, 4, 3, padding=1), function

    def forward(self, x):
        return self.function(self.conv(x))


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (torch.sigmoid, "sigmoid at sigmoid"),
        (lambda x: functional.relu(x) * x, "mul at mul"),
        (lambda x: x.transpose(1, 2), "transpose at transpose"),
        (lambda x: functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False), "avg_pool2d at avg_pool2d"),
        (lambda x: functional.softmax(x.flatten(1), 1), "softmax at softmax"),
        (lambda x: functional.leaky_relu(x), "leaky_relu at leaky_relu"),
    ],
)
def test_what_has_no_c_form_is_named(function, named, packed, images):
    network = packed(seeded(lambda: Refused(function)), images(4, 2, 5, 5))
    with pytest.raises(DeviceCodeError, match=named) as caught:
        integer_network(network)
    assert "\n" not in str(caught.value)


def test_padding_that_no_structure_holds_is_refused(packed, images):
    network = packed(seeded(lambda: nn.Conv1d(1, 2, 3, stride=30_000, padding=40_000)), images(2, 1, 9))
    with pytest.raises(DeviceCodeError, match="a dilation or padding of more than 32,767 at "):
        integer_network(network)


@pytest.mark.parametrize("name", ["branches", "upsampling"])
def test_another_compiler_says_nothing_and_gives_the_same_bits(name, clang, packed, images, run_c):
    make, size, _ = CASES[name]
    integer, pictures = integer_network(packed(seeded(make), images(8, *size))), images(8, *size)
    folder = c_folder(integer, "", integer.levels_of([pictures.numpy()]))
    assert run_c(folder.files, compiler=clang) == (0, "8 of 8 test vectors are right")


def test_float_activations_are_refused(packed, images):
    network = packed(seeded(Line), images(4, 1, 41), bits=32)
    with pytest.raises(DeviceCodeError, match="activations of floats; C computes with activations of 1 to 8 bits"):
        integer_network(network)


def test_wide_activations_are_refused(packed, images):
    network = packed(seeded(Line), images(4, 1, 41), bits=12)
    with pytest.raises(DeviceCodeError, match="activations of 12 bits"):
        integer_network(network)
