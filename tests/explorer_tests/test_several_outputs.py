"""Networks of several inputs and outputs: searched, exported packed, as weights and as ONNX, and run from the file."""

import json

import pytest
import safetensors.torch
import torch
from torch import nn

import filterfront as ff
from explorer.deployment.packed.comparison import compare, exact_runner, torch_runner
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.networks.trace import trace

NETS = """
import torch
from torch import nn

class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.score = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 2)
        self.box = nn.ConvTranspose2d(8, 4, 3, 2, 1, 1)
    def forward(self, x):
        x = torch.relu(self.stem(x))
        return {"boxes": self.box(x), "scores": [self.score(x.mean((2, 3))), x.amax((2, 3))]}

class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.facts, self.head = nn.Conv2d(1, 8, 3), nn.Linear(5, 8), nn.Linear(8, 3)
    def forward(self, x, facts):
        x = torch.relu(self.image(x)).mean((2, 3)) + self.facts(facts)
        return self.head(x), x

def heads():
    torch.manual_seed(0)
    return Heads().eval(), torch.zeros(1, 3, 8, 8)

def both():
    torch.manual_seed(0)
    return Both().eval(), (torch.zeros(1, 1, 8, 8), torch.zeros(1, 5))
"""


@pytest.mark.parametrize(
    ("name", "shapes", "outputs"), [("heads", [(3, 8, 8)], 3), ("both", [(1, 8, 8), (5,)], 2)], ids=["heads", "both"]
)
def test_every_file_is_written_and_answers_as_torch_does(run_filterfront, tmp_path, name, shapes, outputs):
    (tmp_path / "nets.py").write_text(NETS)
    options = ("--flash", "2KiB", "--trials", 3, "--no-gap", "--sampler", "random", "--out", "run")
    done = run_filterfront("search", "--network", f"nets.py:{name}", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    design = (tmp_path / "run" / "front.csv").read_text().splitlines()[1].split(",")[0]
    done = run_filterfront("export", "run", "--design", design, "--onnx", "--out", "files", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plain = json.loads(done.stdout)
    assert set(plain["files"]) == {"packed", "weights", "onnx"}
    assert plain["float_activations"]["apart"] == plain["onnx"]["apart"] == 0
    namespace = {}
    exec(NETS, namespace)  # noqa: S102 (the network above)
    module, _ = namespace[name]()
    module.load_state_dict(safetensors.torch.load_file(tmp_path / "files" / "weights.safetensors"))
    inputs = [torch.randn(4, *shape) for shape in shapes]
    expected = torch.utils._pytree.tree_leaves(module(*inputs))
    found = ff.load(tmp_path / "files" / "packed.safetensors")(*inputs)
    assert len(found) == len(expected) == outputs
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_each_output_is_held_to_its_own_largest_value():
    """An error of 0.01 is small beside outputs of 1,000, and large beside outputs of 1."""
    images = torch.zeros(3, 1)
    large, small = torch.full((3, 2), 1000.0), torch.ones(3, 2)
    off = small.clone()
    off[1, 0] += 0.01
    found = compare(lambda x: (large, off), lambda x: (large, small), images)
    assert (found.images, found.apart, found.answers_apart) == (3, 1, 0)
    assert found.deviation == pytest.approx(0.01)
    assert found.largest_output == 1000
    assert compare(lambda x: (large + 0.01, small), lambda x: (large, small), images).apart == 0


@pytest.mark.parametrize(("own", "apart"), [(0.0, 3), (0.001, 3), (0.002, 0), (0.02, 3)])
def test_what_rounding_explains_is_equal(own, apart):
    """Outputs 0.005 apart are equal where 64-bit floats are 0.00125 away; where these are far away, nothing is."""
    images, ones = torch.zeros(3, 1), torch.ones(3, 2)
    found = compare(lambda x: ones + 0.005, lambda x: ones, images, exact=lambda x: ones.double() + own)
    assert (found.apart, found.rounding) == (apart, pytest.approx(own))


def test_rounding_is_measured_in_64_bit_floats():
    """A sum of 1e8, 1 and -1e8 is 0 in 32 bits."""

    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(1, 2, bias=False)

        def forward(self, x):
            return (1e8 + self.fc(x)) - 1e8

    module = Sums().eval()
    module.fc.weight.data.fill_(1.0)
    traced, images = trace(module, torch.ones(1, 1), "sums"), torch.ones(3, 1)
    assert exact_runner(traced)(images).tolist() == [[1.0, 1.0]] * 3
    found = compare(torch_runner(traced, ActivationRanges(32, {})), lambda x: torch.zeros(3, 2), images)
    assert found.apart == 0


def test_an_output_without_a_batch_is_one_for_every_image():
    images = torch.zeros(3, 1)
    assert compare(lambda x: (x, torch.tensor(1.0)), lambda x: (x, torch.tensor(2.0)), images).apart == 3


def test_the_same_tensor_twice_comes_back_twice(tmp_path):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            x = self.conv(x)
            return x, x

    from costmodels import Dense
    from explorer.deployment.packed.network import pack_network
    from explorer.deployment.packed.writing import packed_content
    from explorer.forms.fitting import fit
    from explorer.networks.trace import trace

    traced = trace(Twice().eval(), torch.zeros(1, 1, 4, 4), "twice")
    layers = {"conv": fit(traced.weights["conv"], traced.spec.layer("conv").shape, Dense(8))}
    path = tmp_path / "twice.safetensors"
    path.write_bytes(packed_content(pack_network(traced, layers), traced.spec))
    one, other = ff.load(path)(torch.ones(2, 1, 4, 4))
    assert torch.equal(one, other)
