"""Loading networks and weights: what is found, and what is refused in one line."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from explorer.networks.load import load_network
from explorer.networks.weights import load_weights_file
from explorer.networks.zoo import build
from explorer.system.errors import CallableError, ExplorerError, NetworkError

NET = """
import torch
from torch import nn
def make():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3)), torch.zeros(1, 1, 8, 8)
def nan():
    net, example = make()
    net[2].weight.data[0, 0] = float("nan")
    return net, example
def infinite():
    net, example = make()
    net[0].bias.data[0] = float("inf")
    return net, example
def broken():
    raise ValueError("no weights\\nhere")
def leaves():
    raise SystemExit(3)
def alone():
    return make()[0]
def swapped():
    return make()[::-1]
answer = 42
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


def test_a_zoo_name():
    network = load_network("digits-cnn")
    assert (network.name, network.origin, network.weights_origin) == ("digits-cnn", "zoo", "random weights (seed 0)")
    assert network.example_input.shape == (1, 1, 8, 8)


def test_a_file_and_its_callable(net):
    network = load_network(f"{net}:make")
    assert (network.name, network.origin) == ("net.py:make", "user")
    assert network.weights_origin == "weights as net.py:make returns them"
    assert not network.module.training


def test_a_package_in_the_working_directory(net, monkeypatch):
    package = net.parent / "filterfront_test_models"
    package.mkdir()
    net.rename(package / "small.py")
    monkeypatch.chdir(net.parent)
    network = load_network("filterfront_test_models.small:make")
    assert network.name == "filterfront_test_models.small:make"


def test_a_file_may_import_its_neighbours(net):
    (net.parent / "filterfront_test_neighbour.py").write_text("from net_parts import make\n")
    net.rename(net.parent / "net_parts.py")
    assert load_network(f"{net.parent / 'filterfront_test_neighbour.py'}:make").origin == "user"


@pytest.mark.parametrize(
    ("callable_name", "message"),
    [
        (
            "missing",
            "got missing; .*defines the name that is asked for; choose one of: alone, broken, infinite, leaves, make",
        ),
        ("answer", "got int; .*net.py:answer is callable; name a function"),
        ("broken", "ValueError: no weights here; the code of "),
        ("leaves", "SystemExit: 3; the code of "),
        ("alone", r"got Sequential; .* returns \(module, example input tensor\)"),
        ("swapped", "Tensor, Sequential; "),
        ("nan", r"NaN or infinity in 2\.weight; .*finite numbers"),
        ("infinite", r"NaN or infinity in 0\.bias; .*finite numbers"),
    ],
)
def test_faults_of_a_callable_are_one_line(net, callable_name, message):
    with pytest.raises(ExplorerError, match=message) as caught:
        load_network(f"{net}:{callable_name}")
    assert "\n" not in str(caught.value)


def test_the_users_own_error_is_chained(net):
    with pytest.raises(NetworkError) as caught:
        load_network(f"{net}:broken")
    assert isinstance(caught.value.__cause__, ValueError)


def test_faults_of_the_name_are_one_line(net):
    with pytest.raises(NetworkError, match="did you mean resnet50"):
        load_network("resnet51")
    with pytest.raises(CallableError, match=r"got nowhere\.py; the file exists"):
        load_network("nowhere.py:make")
    with pytest.raises(CallableError, match=r"got nowhere\.models; the module exists"):
        load_network("nowhere.models:make")
    net.write_text("def make(:\n")
    with pytest.raises(CallableError, match="SyntaxError"):
        load_network(f"{net}:make")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_weights_of_a_file(tmp_path, suffix):
    module, _ = build("digits-cnn")
    state = {name: value + 1 for name, value in module.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    network = load_network("digits-cnn", path)
    assert network.weights_origin == f"weights of weights{suffix}"
    assert torch.equal(network.module.state_dict()["conv1.weight"], state["conv1.weight"])


def test_every_fault_of_the_names_and_shapes_is_listed(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3))
    state = module.state_dict()
    before = state["0.bias"].clone()
    del state["2.weight"], state["1.num_batches_tracked"]
    state |= {"head.weight": torch.zeros(3), "0.weight": torch.zeros(4, 1, 5, 5), "0.bias": torch.ones(4)}
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(NetworkError) as caught:
        load_weights_file(module, tmp_path / "w.pt")
    assert "missing 2.weight, unexpected head.weight, 0.weight is (4, 1, 5, 5) instead of (4, 1, 3, 3)" in str(
        caught.value
    )
    assert torch.equal(module.state_dict()["0.bias"], before)


def test_nan_in_a_weights_file_is_refused(tmp_path):
    module = nn.Linear(2, 2)
    before = module.weight.detach().clone()
    save_file({"weight": torch.full((2, 2), float("nan")), "bias": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(NetworkError, match="NaN or infinity in weight"):
        load_weights_file(module, tmp_path / "w.safetensors")
    assert torch.equal(module.weight, before)


class Evil:
    """What a malicious pickle would run."""

    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", b"not a checkpoint", "is a readable weights file"),
        ("w.pt", b"", "is a readable weights file"),
        ("w.pt", pickle.dumps(Evil()), "is a readable weights file"),
        ("w.safetensors", b"\x10\0\0\0\0\0\0\0broken", "is a readable weights file"),
        ("w.npz", b"", r"is \.safetensors, \.pt or \.pth"),
    ],
)
def test_damaged_and_foreign_files_are_refused(tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NetworkError, match=message) as caught:
        load_weights_file(nn.Linear(2, 2), tmp_path / name)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_missing_files_and_other_objects_are_refused(tmp_path):
    with pytest.raises(NetworkError, match="the weights file exists"):
        load_weights_file(nn.Linear(2, 2), tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(NetworkError, match="holds a state dict of tensors"):
        load_weights_file(nn.Linear(2, 2), tmp_path / "list.pt")
