"""Modules in the forms that people have: made plain, or refused in one line that says the cure."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from explorer.networks.load import LoadedNetwork, ready_network
from explorer.networks.prepare import prepare
from explorer.networks.trace import trace
from explorer.system.errors import NetworkError

IMAGES = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3)).eval()


def masked():
    module = plain()
    prune.l1_unstructured(module[0], "weight", 0.5)
    prune.random_unstructured(module[0], "bias", 0.5)
    prune.ln_structured(module[3], "weight", 0.5, n=2, dim=0)
    prune.l1_unstructured(module[3], "weight", 0.2)  # one mask after another
    return module


def globally_masked():
    module = plain()
    prune.global_unstructured([(module[0], "weight"), (module[3], "weight")], prune.L1Unstructured, amount=0.3)
    return module


class Sign(nn.Module):
    """Weights of +-1."""

    def forward(self, weight):
        return torch.where(weight > 0, 1.0, -1.0)


def parametrized():
    module = plain()
    parametrizations.weight_norm(module[0])
    parametrize.register_parametrization(module[3], "weight", Sign())
    parametrize.register_parametrization(module[3], "weight", nn.Tanh())
    return module


def spectral():
    module = plain()
    parametrizations.spectral_norm(module[0])
    torch.nn.utils.spectral_norm(module[3])
    return module.eval()


def old_weight_norm():
    module = plain()
    torch.nn.utils.weight_norm(module[0])
    return module


def ready(module, example=IMAGES[:1], **options):
    return ready_network(LoadedNetwork("net", module, example, "user", "weights"), **options)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
@pytest.mark.parametrize("make", [masked, globally_masked, parametrized, spectral, old_weight_norm])
def test_computed_weights_are_evaluated_once_and_compressed_like_others(make):
    module = make()
    with torch.no_grad():
        expected = module(IMAGES)
    network = ready(module)
    assert "evaluated once: 0.weight" in network.weights_origin
    traced = trace(network.module, network.example_input, "net")
    assert [layer.weight for layer in traced.spec.layers] == ["0.weight", "3.weight"]
    assert traced.spec.fixed == ()
    with torch.no_grad():
        assert torch.allclose(traced.graph(IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert set(network.module.state_dict()) == set(plain().state_dict())


def test_a_plain_network_stays_as_it_is():
    module = plain()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert prepare(module, "net") == ()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_32_bits(dtype):
    network = ready(plain().to(dtype), IMAGES[:1].to(dtype))
    assert network.example_input.dtype == torch.float32
    assert {tensor.dtype for tensor in network.module.parameters()} == {torch.float32}
    assert network.weights_origin == f"weights, converted from {str(dtype).removeprefix('torch.')} to float32"
    assert trace(network.module, network.example_input, "net").graph(IMAGES).dtype == torch.float32


def test_integer_inputs_stay():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.fc = nn.Embedding(5, 4), nn.Linear(4, 2)

        def forward(self, words, weights):
            return self.fc((self.table(words) * weights).mean(1))

    example = (torch.zeros(1, 3, dtype=torch.int64), torch.ones(1, 3, 1, dtype=torch.float64))
    network = ready(Words().double(), example)
    assert [value.dtype for value in network.example_input] == [torch.int64, torch.float32]
    spec = trace(network.module, network.example_input, "words").spec
    assert [(one.name, one.elements) for one in spec.constants] == [("table.weight", 20)]


def test_lazy_modules_are_refused_and_taken_with_weights(tmp_path):
    def lazy():
        return nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(5))

    with pytest.raises(NetworkError, match=r"0\.weight.* are lazy still; .*run the module once"):
        ready(lazy())
    made = lazy()
    made(IMAGES)
    save_file(made.state_dict(), tmp_path / "w.safetensors")
    network = ready(lazy(), weights_file=tmp_path / "w.safetensors")
    assert [layer.shape.weights for layer in trace(network.module, IMAGES[:1], "lazy").spec.layers] == [216, 640]


def test_modules_without_values_are_refused_and_taken_with_weights(tmp_path):
    def meta():
        with torch.device("meta"):
            return plain()

    with pytest.raises(NetworkError, match=r"0\.weight.*are on the device meta; .*load weights first"):
        ready(meta())
    state = {name: value for name, value in plain().state_dict().items() if "num_batches" not in name}
    save_file(state, tmp_path / "w.safetensors")
    network = ready(meta(), weights_file=tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(trace(network.module, IMAGES[:1], "meta").graph(IMAGES), plain()(IMAGES))
    with pytest.raises(NetworkError, match="an example input has values"):
        ready(plain(), IMAGES[:1].to("meta"))


@pytest.mark.parametrize("make", [masked, parametrized])
def test_a_file_of_the_module_as_it_is_or_made_plain_fits(make, tmp_path):
    own, made_plain = make(), make()
    prepare(made_plain, "net")
    for number, module in enumerate((own, made_plain)):
        save_file(
            {name: value.contiguous() for name, value in module.state_dict().items()},
            tmp_path / f"{number}.safetensors",
        )
    first, second = (ready(make(), weights_file=tmp_path / f"{number}.safetensors") for number in (0, 1))
    with torch.no_grad():
        assert torch.allclose(first.module(IMAGES), second.module(IMAGES), rtol=1e-5, atol=1e-6)
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(NetworkError, match="missing 0"):
        ready(make(), weights_file=tmp_path / "other.safetensors")


@pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("how", ["prepare_qat", "prepare", "convert"])
def test_torchs_own_quantization_is_refused_with_the_cure(how):
    quantization = torch.ao.quantization
    module = plain().train(how == "prepare_qat")
    module.qconfig = quantization.get_default_qconfig("x86")
    if how == "prepare_qat":
        module.qconfig = quantization.get_default_qat_qconfig("x86")
        module = quantization.prepare_qat(module)
    else:
        module = quantization.prepare(module)
        module(IMAGES)
        module = quantization.convert(module) if how == "convert" else module
    with pytest.raises(NetworkError, match=r"torch's own quantization in .*before prepare_qat"):
        ready(module)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_modules_are_refused():
    with pytest.raises(NetworkError, match="net is scripted; a network is a module in Python"):
        ready(torch.jit.trace(plain(), IMAGES))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_masks_may_be_infinite_and_weights_may_not(value):
    module = plain()
    module.register_buffer("mask", torch.full((3,), value))
    assert ready(module).name == "net"
    module[1].running_var[0] = value
    with pytest.raises(NetworkError, match=r"NaN or infinity in 1\.running_var"):
        ready(module)
