"""The zoo: the reference integers of the papers, seeded weights, and lookups."""

import subprocess
import sys

import pytest
import torch

from explorer.networks.zoo import ZOO, build, zoo_entry
from explorer.system.errors import NetworkError

RESNET20_WEIGHTS = 3 * 16 * 9 + 6 * 16 * 16 * 9 + (16 + 5 * 32) * 32 * 9 + (32 + 5 * 64) * 64 * 9
RESNET56_WEIGHTS = 3 * 16 * 9 + 18 * 16 * 16 * 9 + (16 + 17 * 32) * 32 * 9 + (32 + 17 * 64) * 64 * 9


def convolutions(spec):
    return [
        layer for layer in spec.layers if layer.weight and "fc" not in layer.name and "classifier" not in layer.name
    ]


@pytest.mark.parametrize(
    ("name", "conv_weights", "conv_macs", "linear_macs"),
    [
        ("resnet20-cifar", RESNET20_WEIGHTS, 40_550_400, 640),
        ("resnet56-cifar", RESNET56_WEIGHTS, 125_485_056, 640),
        ("vgg16-cifar", 14_710_464, 313_196_544, 512 * 10),
        ("vgg16", 14_710_464, 15_346_630_656, 25_088 * 4096 + 4096 * 4096 + 4096 * 1000),
        ("resnet18", 11_166_912, 1_814_073_344 - 512_000, 512 * 1000),
        ("resnet50", 23_454_912, 4_087_136_256, 2048 * 1000),
        ("mobilenet-v2", 3_504_872 - 2 * 17_056 - 1_281_000, 299_494_272, 1280 * 1000),
    ],
)
def test_counts_are_the_reference_integers(zoo_spec, name, conv_weights, conv_macs, linear_macs):
    spec = zoo_spec(name)
    convs = convolutions(spec)
    assert sum(layer.shape.weights for layer in convs) == conv_weights
    assert sum(layer.shape.dense_macs for layer in convs) == conv_macs
    assert spec.dense_macs == conv_macs + linear_macs
    assert all(layer.calls == 1 for layer in spec.layers)


def test_the_resnet_references_are_those_of_the_papers():
    assert (RESNET20_WEIGHTS, RESNET56_WEIGHTS) == (267_696, 848_304)


def test_resnet18_has_the_clustered_kernels_of_the_literature(zoo_spec):
    layers = zoo_spec("resnet18").layers
    assert sum(layer.shape.kernels for layer in layers if layer.shape.kernel == (3, 3)) == 1_220_608


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 138_357_544), ("mobilenet-v2", 3_504_872)])
def test_parameters(name, parameters):
    assert sum(parameter.numel() for parameter in build(name)[0].parameters()) == parameters


def test_digits_cnn_takes_154_kib_at_eight_bits(zoo_spec):
    spec = zoo_spec("digits-cnn")
    assert spec.weights == (1 * 32 + 32 * 64 + 64 * 96 + 96 * 96) * 9 + 96 * 10 == 157_920
    assert round(spec.weights / 1024, 1) == 154.2
    assert spec.dense_macs == (1 * 32 + 32 * 64) * 9 * 64 + (64 * 96 + 96 * 96) * 9 * 16 + 960


@pytest.mark.parametrize("name", ZOO)
def test_every_step_of_the_zoo_is_known(zoo_spec, name):
    assert zoo_spec(name).unknown == ()


def test_option_a_shortcuts_have_no_parameters_and_stay_in_the_graph(zoo_spec):
    kinds = [operation.kind for operation in zoo_spec("resnet20-cifar").operations]
    assert (kinds.count("conv2d"), kinds.count("add"), kinds.count("slice"), kinds.count("pad")) == (19, 9, 2, 2)


def test_option_a_shortcut_takes_every_second_pixel_and_appends_zero_channels():
    module, _ = build("resnet20-cifar")
    images = torch.arange(2 * 16 * 4 * 4, dtype=torch.float32).reshape(2, 16, 4, 4)
    shortcut = module.get_submodule("layer2.0.downsample")(images)
    assert torch.equal(shortcut[:, :16], images[:, :, ::2, ::2])
    assert torch.equal(shortcut[:, 16:], torch.zeros(2, 16, 2, 2))


def test_weights_are_seeded_and_leave_the_callers_random_state_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, _ = build("digits-cnn")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    second, _ = build("digits-cnn")
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert not first.training


def test_an_unknown_name_lists_the_names_and_the_closest():
    with pytest.raises(
        NetworkError, match=r"resnet-18.*did you mean resnet18\? the zoo has digits-cnn, .*mobilenet-v2"
    ):
        zoo_entry("resnet-18")


def test_listing_the_zoo_imports_no_torch():
    code = "import sys; from explorer.networks.zoo import ZOO; print(len(ZOO), 'torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["8", "False"]


@pytest.mark.parametrize("name", ZOO)
def test_a_network_has_as_many_outputs_as_classes_are_asked_for(name):
    module, example = build(name, classes=7)
    assert [part.out_features for part in module.modules() if isinstance(part, torch.nn.Linear)][-1] == 7
    before, _ = build(name)
    ours, theirs = module.state_dict(), before.state_dict()
    assert [key for key in ours if ours[key].shape != theirs[key].shape] == list(ours)[-2:]
    assert example.shape == (1, *ZOO[name].input_shape)
