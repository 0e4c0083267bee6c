"""--deployable: a network without C is refused by name before anything begins, and so is what no C could compute."""

import pytest
import torch
from torch import nn

from costmodels import load_device
from costmodels.program_need import ProgramNeed
from explorer.config.search import make_config
from explorer.networks.trace import trace
from explorer.search.program import check_deployable, deployable_grid, known_program
from explorer.system.errors import ConfigError, DeviceCodeError
from searches.space import DEFAULT_GRID, EXTRA_GRID, build_space


class Net(nn.Module):
    """A convolution and a linear layer, with an activation that C has or has not, and with or without a softmax."""

    def __init__(self, activation, softmax):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 3), nn.Linear(144, 3)
        self.activation, self.softmax = activation, softmax

    def forward(self, images):
        values = self.fc(self.activation(self.conv(images)).flatten(1))
        return values.softmax(1) if self.softmax else values


def traced(activation, softmax=False):
    return trace(Net(activation, softmax).eval(), torch.zeros(1, 1, 8, 8), "net")


def test_a_network_with_a_c_form_passes():
    check_deployable(traced(nn.ReLU()))


def test_everything_without_a_c_form_is_named_in_one_line():
    with pytest.raises(DeviceCodeError) as refused:
        check_deployable(traced(nn.GELU(), softmax=True))
    said = str(refused.value)
    assert "gelu at activation, softmax at softmax" in said
    assert "search without --deployable" in said
    assert "\n" not in said
    assert refused.value.exit_code == 2


SOURCE = """import torch
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(1)), torch.zeros(1, 1, 8, 8)
"""


def test_the_command_refuses_before_anything_begins(run_filterfront, tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    options = ("--network", "net.py:build", "--data", "digits", "--deployable", "--out", "run")
    done = run_filterfront("search", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "softmax" in done.stderr
    assert not (tmp_path / "run").exists()


def test_every_form_of_the_default_space_has_a_c_form():
    assert deployable_grid({**DEFAULT_GRID, **EXTRA_GRID}) == {**DEFAULT_GRID, **EXTRA_GRID}


def test_forms_without_a_c_form_are_left_out():
    assert list(deployable_grid({"dense": {"weight_bits": (8,)}, "not-in-c": {"bits": (1,)}})) == ["dense"]
    with pytest.raises(ConfigError, match="none of not-in-c has; --deployable designs have a C form"):
        deployable_grid({"not-in-c": {"bits": (1,)}})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"activation_bits": "32"}, "C, whose activations have 1 to 8 bits; --activation-bits has 32"),
        ({"activation_bits": "16,8"}, "--activation-bits has 16: give 8 or fewer"),
        ({"network": "resnet20-cifar"}, "rounded to ranges of data; give --data too"),
    ],
)
def test_options_that_no_c_could_compute_are_refused(options, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        make_config(deployable=True, **options)


def test_a_network_without_c_keeps_the_assumed_reserve_and_says_why():
    network = traced(nn.ReLU(), softmax=True)
    space = build_space(network.spec, {"dense": {"weight_bits": (8,)}})
    config = make_config(device="stm32l432")
    found = known_program(config, load_device("stm32l432"), network, space)
    assert (found.needs, found.time) == ((), None)
    assert found.why_not.startswith("the network has no C form (softmax at softmax")
    other = known_program(config, load_device("esp32"), network, space)
    assert (other.needs, other.time, other.why_not) == ((), None, "")
    found = known_program(config, load_device("stm32l432"), traced(nn.ReLU()), space)
    assert (found.why_not, {type(need) for need in found.needs}) == ("", {ProgramNeed})
