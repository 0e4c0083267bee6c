"""Layers of a design fitted one after the other, each to what the layers before it leave it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from costmodels import ConvShape, Dense, EntropyCoded, StackedBinary, Ternary, layer_cost
from explorer.data.dataset import Dataset, Split
from explorer.forms.fitting import fit
from explorer.measurement.layer_calls import LayerCall
from explorer.measurement.paired_moments import PairedMoments, paired_sums
from explorer.measurement.paired_run import PairedRun
from explorer.measurement.quality_meter import QualityMeter
from explorer.measurement.sequential_fits import fit_sequentially
from explorer.networks.trace import trace

IMAGES = torch.rand(64, 2, 6, 6, generator=torch.Generator().manual_seed(0))


def moments_of(x: np.ndarray, x_hat: np.ndarray) -> PairedMoments:
    """Of pairs of patches, (patches, D) each, as they are."""
    squares, products = x_hat.T @ x_hat / len(x), x.T @ x_hat / len(x)
    return PairedMoments(squares[None], products[None], x.mean(0)[None], x_hat.mean(0)[None])


def test_the_target_makes_up_for_what_is_linear():
    """Inputs of half the size ask for weights of twice the size, up to the damping of 0.01 H; twice, half."""
    halved = PairedMoments(np.full((1, 1, 1), 1.0), np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    weights = np.full((1, 1, 1, 1), 3.0, np.float32)
    assert halved.target(weights).item() == pytest.approx(3 * (2 + 0.01) / (1 + 0.01))
    doubled = PairedMoments(np.full((1, 1, 1), 4.0), np.full((1, 1, 1), 2.0), np.zeros((1, 1)), np.zeros((1, 1)))
    assert doubled.target(weights).item() == pytest.approx(3 * (2 + 0.04) / (4 + 0.04))


def test_the_target_is_the_least_squares_solution():
    generator = np.random.default_rng(0)
    x_hat = generator.normal(size=(5000, 6))
    x = x_hat @ generator.normal(size=(6, 6)) + 0.1 * generator.normal(size=(5000, 6))
    weights = generator.normal(size=(4, 6, 1, 1)).astype(np.float32)
    found = moments_of(x, x_hat).target(weights).reshape(4, 6)
    solved = np.linalg.lstsq(x_hat, x @ weights.reshape(4, 6).T, rcond=None)[0].T
    assert np.abs(found - solved).max() < 0.03 * np.abs(solved).max()  # the damping of one hundredth


def test_the_error_is_that_of_the_outputs():
    generator = np.random.default_rng(1)
    x, x_hat = generator.normal(size=(2, 100, 6))
    weights, compressed = generator.normal(size=(2, 4, 6, 1, 1)).astype(np.float32)
    outputs = x @ weights.reshape(4, 6).T, x_hat @ compressed.reshape(4, 6).T
    expected = np.square(outputs[0] - outputs[1]).mean(0).sum() - np.square(outputs[0]).mean(0).sum()
    assert moments_of(x, x_hat).error(weights, compressed) == pytest.approx(expected)
    factors = [max(0, a @ b) / (b @ b) for a, b in zip(*(one.T for one in outputs), strict=True)]
    expected = np.square(outputs[0] - factors * outputs[1]).mean(0).sum() - np.square(outputs[0]).mean(0).sum()
    assert moments_of(x, x_hat).error(weights, compressed, free_scales=True) == pytest.approx(expected)
    shift = moments_of(x, x_hat).shift(weights, compressed).numpy()
    assert np.allclose(shift, (outputs[0] - outputs[1]).mean(0))


@pytest.mark.parametrize("groups", [1, 2])
def test_sums_are_over_the_patches_that_a_layer_reads(groups):
    """Against plain loops, of a strided and padded convolution, in batches of 32 images."""
    shape = ConvShape(4, 2, (3, 3), (6, 6), stride=(2, 2), padding=(1, 1), groups=groups)
    inputs = IMAGES[:40], IMAGES[:40].flip(0)
    sums = paired_sums(*(LayerCall("conv", shape, one, one, is_linear=False) for one in inputs))
    x, x_hat = (
        functional.unfold(one.double(), 3, stride=2, padding=1).reshape(40, groups, 18 // groups, 9) for one in inputs
    )
    for group in range(groups):
        rows, others = (one[:, group].permute(0, 2, 1).flatten(0, 1) for one in (x, x_hat))
        assert torch.allclose(sums.squares[group], others.T @ others, rtol=1e-5)
        assert torch.allclose(sums.products[group], rows.T @ others, rtol=1e-5)
        assert torch.allclose(sums.own[group], rows.sum(0))
        assert torch.allclose(sums.compressed[group], others.sum(0))
    assert sums.patches == 40 * 9
    centred = sums.moments(is_centred=True)
    rows = x_hat[:, 0].permute(0, 2, 1).flatten(0, 1).numpy()
    assert np.allclose(centred.squares[0], np.cov(rows.T, bias=True), atol=1e-5)


def test_inputs_that_never_vary_have_no_negative_square():
    """The same image 40 times: centred squares are 0 but for rounding, and all weights count alike."""
    shape = ConvShape(4, 2, (1, 1), (6, 6))
    call = LayerCall("conv", shape, torch.full((40, 2, 6, 6), 0.1), torch.zeros(40, 4, 6, 6), is_linear=False)
    found = paired_sums(call, call).moments(is_centred=True)
    assert not found.squares.any()
    assert not found.products.any()
    weights = np.ones((4, 2, 1, 1), np.float32)
    assert np.array_equal(found.target(weights), weights)
    assert found.metric().diagonal.min() > 0


class Twice(nn.Module):
    """A convolution that is called twice, a residual addition, a normalization, a linear layer with a bias."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.again = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.second, self.norm = nn.Conv2d(4, 4, 3, groups=2, bias=False), nn.BatchNorm2d(4)
        self.last = nn.Linear(4, 3)

    def forward(self, images):
        hidden = self.again(torch.relu(self.first(images)))
        hidden = torch.relu(self.again(hidden) + hidden)
        return self.last(torch.relu(self.norm(self.second(hidden))).mean((2, 3)))


def metered(activation_bits: int = 8) -> QualityMeter:
    """A meter of the network above on drawn images."""
    split = Split(IMAGES, torch.arange(len(IMAGES)) % 3)
    dataset = Dataset(name="drawn", origin="drawn", classes=3, train=split, validation=split, test=None)
    return QualityMeter(trace(Twice().eval(), IMAGES[:1], "twice"), dataset, activation_bits)


def compressed(meter: QualityMeter, scheme):
    traced = meter.traced
    return {name: fit(weights, traced.spec.layer(name).shape, scheme) for name, weights in traced.weights.items()}


def test_a_network_that_is_not_compressed_is_run_twice_alike():
    meter, seen = metered(32), []

    def watch(own, beside):
        assert torch.equal(own.inputs, beside.inputs)
        seen.append((own.layer, own.outputs))
        return {}

    PairedRun(meter.traced, meter.ranges, False, watch).run(IMAGES)
    assert [name for name, _ in seen] == ["first", "again", "again", "second", "last"]
    assert torch.allclose(seen[-1][1], Twice().eval()(IMAGES), atol=1e-6)


def test_layers_read_what_the_compressed_layers_before_them_leave():
    """The inputs of the last layer are those of the network with the other weights in place and activations rounded."""
    meter = metered()
    weights = {name: torch.from_numpy(one.weights) for name, one in compressed(meter, Dense(2)).items()}
    found = {}

    def put(own, beside):
        found[own.layer] = beside.inputs
        parameter = meter.traced.graph.get_parameter(f"{own.layer}.weight")
        return {f"{own.layer}.weight": weights[own.layer].reshape(parameter.shape)}

    PairedRun(meter.traced, meter.ranges, False, put).run(IMAGES)
    expected = {}
    graph = meter._graph
    parameters = {
        f"{name}.weight": one.reshape(graph.get_parameter(f"{name}.weight").shape) for name, one in weights.items()
    }
    hook = lambda module, given, result: expected.setdefault("outputs", result)  # noqa: E731
    graph.register_forward_hook(hook)
    torch.func.functional_call(graph, parameters, (IMAGES,))
    outputs = functional.linear(found["last"], weights["last"].reshape(3, 4), graph.get_parameter("last.bias"))
    assert torch.allclose(outputs, expected["outputs"], atol=1e-5)


@pytest.mark.parametrize("scheme", [Dense(2), Ternary(), EntropyCoded(bits_per_weight=1.5)], ids=str)
def test_a_design_in_sequence_errs_less_and_takes_no_more(scheme):
    meter = metered()
    before = compressed(meter, scheme)
    made = [fit_sequentially(meter.traced, before, IMAGES, meter.ranges, meter.reestimates) for _ in range(2)]
    for name, layer in made[0].layers.items():
        again, most = (layer_cost(one.shape, one.scheme, usage=one.usage).storage_bits for one in (layer, before[name]))
        assert again <= most
        assert np.array_equal(layer.weights, made[1].layers[name].weights)  # the same each time
    assert made[0].layers["again"] is before["again"]  # called twice: no one input to fit it to
    assert any(layer.kind == "sequential" for layer in made[0].layers.values())
    assert made[0].biases.keys() == {"first.bias", "last.bias"}


def test_what_was_lost_before_is_made_up_for(digits, trained_digits):
    """Stacked binary filters with a scale each: the divergence from the float network falls to a half at most."""
    traced = trace(trained_digits[0], torch.zeros(1, 1, 8, 8), "digits-cnn")
    meter = QualityMeter(traced, digits)
    before = {}
    for name, weights in traced.weights.items():
        shape = traced.spec.layer(name).shape
        scheme = (
            Dense(4)
            if name in ("conv1", "fc")
            else StackedBinary(shape.group_inputs // 2, shape.out_channels // 2, "filter")
        )
        before[name] = fit(weights, shape, scheme)
    after = fit_sequentially(traced, before, digits.train.inputs, meter.ranges, meter.reestimates)
    divergence = [
        meter.measure({name: layer.weights for name, layer in layers.items()}).divergence
        for layers in (before, after.layers)
    ]
    assert divergence[1] < divergence[0] / 2


def test_a_search_in_sequence_hands_out_what_it_measured(run_filterfront, folder):
    """16 trials, of which one in 4 is fitted in sequence; its designs are exported and run as they were measured."""
    search = (
        *("search", "--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--no-gap"),
        *("--schemes", "ternary,stacked-binary", "--trials", 16, "--sequential", "--out", "run"),
    )
    done = run_filterfront(*search, cwd=folder)
    assert done.returncode == 0, done.stderr
    from reports.run_folder import read_run

    run = read_run(folder / "run")
    assert run.trained["epochs"].tolist() == [0] * 4
    row = run.trained.sort_values("accuracy").iloc[-1]
    tuned = run.tuned.set_index("design").loc[row["design"]]
    assert tuned["accuracy"] == row["accuracy"]
    assert set(run.layers["fit"]) <= {"data-free", "data-aware", "sequential"}
    uniform = run.baselines.set_index("weight_bits")
    assert uniform.index[uniform["epochs"] == 0].tolist() == [1, 2, 3, 4]  # measured as the designs are
    assert not set(uniform["design"]) & set(run.tuned["design"])
    again = run_filterfront(*search, "--resume", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert read_run(folder / "run").front.equals(run.front)
    chosen = run.front[run.front["epochs"] == 0]["design"]
    for design in chosen[:1]:
        assert run_filterfront("export", "run", "--design", design, "--out", "out", cwd=folder).returncode == 0
        said = run_filterfront("run", "out/packed.safetensors", "--data", "data.py:parts", "--json", cwd=folder)
        assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--calibration-images", "0"), "--sequential fits layers to data; leave --calibration-images 0 out"),
        (("--finetune-top", "2"), "--sequential works on the designs of the front already; leave --finetune-top out"),
        (("--objectives", "distortion,storage"), "--sequential has one objective that it changes"),
    ],
)
def test_what_it_cannot_work_with_is_refused(run_filterfront, tmp_path, options, said):
    done = run_filterfront("search", "--sequential", *options, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_nothing_is_trained_in_no_epochs(run_filterfront, folder):
    search = ("search", "--network", "net.py:build", "--data", "data.py:parts", "--flash", "4KiB", "--no-gap")
    done = run_filterfront(*search, "--schemes", "ternary", "--trials", 4, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    design = (folder / "run" / "front.csv").read_text().splitlines()[1].split(",")[0]
    done = run_filterfront("finetune", "run", "--design", design, "--epochs", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "fitted in sequence" in done.stdout
