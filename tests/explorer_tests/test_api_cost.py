"""``import filterfront as ff``: what it offers, how soon, and what networks cost through it."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import explorer.api
import filterfront as ff
from costmodels import list_devices
from costmodels.schemes import COMPONENTS
from costmodels.units import format_bytes
from explorer.cli import COMMANDS
from explorer.config.search import SearchConfig
from explorer.networks.zoo import ZOO

HEAVY = ("click", "torch", "optuna", "pandas", "matplotlib", "sklearn", "scipy", "numba", "numpy")


class Net(nn.Module):
    """A convolution, a normalization that the user froze, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


EXAMPLE = torch.zeros(1, 2, 6, 6)
MACS = 2 * 4 * 9 * 36 + 4 * 3


# What there is


def test_every_name_is_there_and_described():
    assert set(ff.__all__) == set(dir(ff)) == set(explorer.api.__all__)
    for name in ff.__all__:
        assert inspect.getdoc(getattr(ff, name)), name
    with pytest.raises(AttributeError, match="filterfront has no serch; it has"):
        _ = ff.serch
    with pytest.raises(AttributeError):
        _ = ff._hidden
    assert ff.__version__


def test_importing_it_loads_nothing_heavy():
    report = f"import sys, filterfront; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


def test_as_a_program_it_is_the_command():
    done = subprocess.run([sys.executable, "-m", "filterfront", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_search_has_the_options_of_the_command_with_the_same_defaults():
    from explorer.cli.search import search as command

    options = inspect.signature(ff.search).parameters
    fields = {name: item.default for name, item in SearchConfig.model_fields.items()}
    own = set(options) - {"example_input", "quiet"}
    assert own == set(fields) - {"activation_widths", "objects"}
    assert {name: options[name].default for name in own} == {name: fields[name] for name in own}
    shown = {"as_json", "debug", "quiet", "verbose", "explain"}
    assert {item.name for item in command.params} - shown - {"config_file", "trust"} == own


def test_what_can_be_named_is_listed():
    assert list(ff.networks().name) == list(ZOO)
    assert list(ff.devices().name) == list(list_devices())
    assert "stacked-binary" in set(ff.schemes().name)
    assert ff.load_device("stm32l432").flash_usable_bytes == 256 * 1024


# Costs


def test_layers_are_rows_that_sum_to_the_totals():
    costs = ff.cost("resnet20-cifar", "linear-representation(templates=256)", keep="first")
    frame = costs.to_frame()
    assert len(frame) == 20
    for name in ("storage_bits", "macs", "additions", "multiplications", "bit_ops", "traffic_bytes"):
        assert frame[name].sum() == costs.totals[name]
    assert (frame[[f"bits_{part}" for part in COMPONENTS]].sum(axis=1) == frame["storage_bits"]).all()
    assert frame["kept_dense"][0] == "asked for by keep"
    assert frame["kept_dense"][19].startswith("linear-representation: 64->10 1x1 at 1x1; kernels of one")
    assert (frame["kept_dense"][1:19] == "").all()


def test_costs_show_themselves():
    costs = ff.cost("digits-cnn", ff.Dense(weight_bits=4))
    assert repr(costs).startswith("<digits-cnn under dense(weight_bits=4, scale=filter), 8-bit activations: 5 layers")
    assert "\n" not in repr(costs)
    page = costs._repr_html_()
    assert page.count("<tr>") == 1 + 5 + 1  # titles, layers, total
    assert f"SRAM {format_bytes(costs.totals['sram_bytes'])} at its peak" in page


def test_the_command_prints_the_same_costs(run_filterfront):
    text = "stacked-binary(segments=2, filters=1/4)"
    done = run_filterfront("cost", "--network", "digits-cnn", "--scheme", text, "--keep", "first,last", "--json")
    costs = ff.cost("digits-cnn", text, keep=["first", "last"])
    printed = json.loads(done.stdout)
    reasons = {name: reason.replace("--keep", "keep") for name, reason in printed["kept_dense"].items()}
    assert {**printed, "kept_dense": reasons} == json.loads(json.dumps(costs.to_json()))


@pytest.mark.parametrize("change", ["half", "double", "bfloat16"])
def test_a_module_is_taken_as_it_is_and_stays_so(change):
    module = getattr(Net(), change)().train()
    module.norm.eval()
    module.head.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    costs = ff.cost(module, "dense(weight_bits=4)", example_input=EXAMPLE.to(module.conv.weight.dtype))
    assert costs.totals["macs"] == MACS
    assert costs.network.name == "Net"
    assert (module.training, module.norm.training) == (True, False)
    assert not module.head.weight.requires_grad
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_a_network_is_given_in_several_ways(tmp_path):
    module = Net()
    (tmp_path / "net_of_this_test.py").write_text(
        "import torch\ndef build():\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, padding=1)), torch.zeros(1, 2, 6, 6)\n"
    )
    traced = ff.trace(module, EXAMPLE)
    for network in ((module, EXAMPLE), traced, traced.spec, nn.DataParallel(module)):
        example = EXAMPLE if isinstance(network, nn.Module) else None
        assert ff.cost(network, "dense", example_input=example).totals["macs"] == MACS
    assert ff.cost(module, "dense", example_input=EXAMPLE.numpy()).totals["macs"] == MACS
    assert ff.cost(f"{tmp_path}/net_of_this_test.py:build", "dense").totals["macs"] == MACS - 12


def test_a_compiled_module_is_taken_out_of_its_wrapper():
    compiled = torch.compile(Net(), backend="eager")
    assert ff.cost(compiled, "dense", example_input=EXAMPLE).network.name == "Net"


@pytest.mark.parametrize(
    ("network", "example", "message"),
    [
        (3, None, "got int; a network is a name or a torch.nn.Module; give a name of the zoo"),
        (None, None, "got NoneType"),
        (Net(), None, "got none; a module comes with an example input; example_input=: give a tensor such as"),
        (Net(), (1, 3, 8, 8), "got 1; an example input is a tensor with a batch dimension;"),
        (Net(), torch.tensor(1.0), "got <Tensor>"),
        (Net(), np.array("text"), "got <ndarray>"),
    ],
)
def test_what_is_no_network_is_a_type_error_that_says_what_to_give(network, example, message):
    with pytest.raises(TypeError) as caught:
        ff.cost(network, "dense", example_input=example)
    assert isinstance(caught.value, ff.FilterfrontError)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
        lambda layer: prune.identity(layer, "bias"),
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
    ],
    ids=["mask", "mask of a bias", "weight norm", "spectral norm"],
)
def test_modules_with_computed_weights_are_taken_and_keep_what_computes_them(change):
    module = Net()
    change(module.conv)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    traced = ff.trace(module, EXAMPLE)
    assert traced.spec.dense_macs == MACS
    assert torch.equal(torch.from_numpy(traced.weights["conv"].copy()), module.eval().conv.weight.detach())
    assert isinstance(module.conv.weight, torch.Tensor)  # computed still
    assert module.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_modules_without_usable_weights_are_refused():
    with pytest.raises(
        ff.FilterfrontError, match=r"weight, bias of LazyConv2d are lazy still; .*; run the module once"
    ):
        ff.cost(nn.LazyConv2d(4, 3), "dense", example_input=EXAMPLE)
    with torch.device("meta"):
        module = Net()
    with pytest.raises(ff.FilterfrontError, match="of Net are on the device meta; weights have values; load weights"):
        ff.cost(module, "dense", example_input=EXAMPLE)
    module = Net()
    module.conv.weight.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(ff.FilterfrontError, match=r"NaN or infinity in conv\.weight"):
        ff.cost(module, "dense", example_input=EXAMPLE)


def test_a_wrong_scheme_says_what_to_give():
    with pytest.raises(TypeError, match=r"got int; a scheme .*; give for example Dense"):
        ff.cost("digits-cnn", 4)
    with pytest.raises(ff.FilterfrontError, match=r"got dens; .* did you mean dense"):
        ff.cost("digits-cnn", "dens")
    with pytest.raises(ff.FilterfrontError, match="got frist; digits-cnn has no layer of that name"):
        ff.cost("digits-cnn", "dense", keep=["frist"])
