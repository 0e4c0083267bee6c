"""Dense designs as ONNX with their integers: what runtimes compute with them, and what is refused."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from costmodels import Dense, Pruned
from costmodels.codes import code_levels
from costmodels.kernels.packing import unpack_layer
from explorer.deployment.packed.network import pack_network
from explorer.deployment.packed.quantized_onnx import _of_ranks, _positive, _turned
from explorer.deployment.packed.reading import read_packed
from explorer.deployment.packed.step import PackedStep
from explorer.deployment.packed.writing import packed_content
from explorer.forms.fitting import fit, reconstruct
from explorer.measurement.activation_ranges import ActivationRanges, measure_activation_ranges
from explorer.networks.trace import trace
from explorer.runs import integer_onnx as made
from explorer.runs.integer_onnx import integer_onnx
from explorer.system.errors import ExportCheckError, NetworkError


class Net(nn.Module):
    """Normalization with factors of both signs, an addition, pooling, a layer of each channel and a linear one."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.each, self.tap = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)
        self.last = nn.Linear(32, 5)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, images):
        values = torch.relu(self.norm(self.first(images)))
        values = values + torch.relu(self.tap(torch.relu(self.each(values))))
        return self.last(nn.functional.avg_pool2d(nn.functional.max_pool2d(values, 2), 2).flatten(1))


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(24, 3, 8, 8)).astype(np.float32))


@pytest.fixture(scope="module")
def packed(images, tmp_path_factory):
    """Packed networks as they are read from their file."""
    torch.manual_seed(0)
    traced = trace(Net().eval(), images[:1], "net")

    def pack(bits, form, forms=None, of_zeros=None):
        weights = {name: values.copy() for name, values in traced.weights.items()}
        if of_zeros:
            weights[of_zeros][0] = 0
        own = {layer.name: (forms or {}).get(layer.name, form) for layer in traced.spec.layers}
        layers = {one.name: fit(weights[one.name], one.shape, own[one.name]) for one in traced.spec.layers}
        ranges = measure_activation_ranges(traced, images, bits) if bits < 32 else ActivationRanges(32, {})
        path = tmp_path_factory.mktemp("packed") / "net.safetensors"
        path.write_bytes(packed_content(pack_network(traced, layers, ranges), traced.spec))
        return read_packed(path).network()

    return pack


@pytest.fixture(scope="module")
def of_bytes(packed, images):
    """In QDQ form, with weights and activations of 8 bits."""
    return integer_onnx(packed(8, Dense(8)), (images,), None, ("qdq",))


def kinds(content):
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def test_qdq_holds_bytes_and_answers_as_the_packed_network(of_bytes):
    found = of_bytes
    model = onnx.load_from_string(found.contents["qdq"])
    stored = {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in model.graph.initializer}
    weights = [value for name, value in stored.items() if name.endswith("codes.codes")]
    assert weights == [(onnx.TensorProto.INT8, size) for size in ([8, 3, 3, 3], [8, 1, 3, 3], [8, 8, 1, 1], [5, 32])]
    biases = [value for name, value in stored.items() if name.endswith("codes.bias")]
    assert biases == [(onnx.TensorProto.INT32, [size]) for size in (8, 8, 8, 5)]
    assert "BatchNormalization" not in kinds(found.contents["qdq"])
    compared = found.compared["qdq"]
    assert compared.answers_apart == 0
    assert compared.deviation < 0.05 * compared.largest_output  # of a level that lies halfway
    assert "ONNX QDQ in onnxruntime: outputs" in next(iter(found.lines()))


@pytest.mark.parametrize(
    ("bits", "forms"),
    [(4, {"first": Dense(3), "each": Dense(8), "tap": Dense(2), "last": Dense(1)}), (2, {"tap": Dense(5)})],
)
def test_qonnx_holds_any_widths(packed, images, bits, forms):
    found = integer_onnx(packed(bits, Dense(4), forms), (images,), None, ("qonnx",))
    graph = onnx.load_from_string(found.contents["qonnx"]).graph
    assert kinds(found.contents["qonnx"]).count("BipolarQuant") == list(forms.values()).count(Dense(1))
    assert {node.domain for node in graph.node if "Quant" in node.op_type} == {"qonnx.custom_op.general"}
    compared = found.compared["qonnx"]
    assert (compared.images, compared.answers_apart) == (16, 0)
    # Activations of few bits lie far apart, so that sums of another order seldom change one.
    assert compared.apart <= 2


@pytest.mark.parametrize(
    ("form", "bits", "forms", "said"),
    [
        ("qdq", 4, {}, "activations of 4 bits; QDQ has activations of 8 bits"),
        ("qonnx", 32, {}, "activations of floats; QONNX has rounded activations"),
        ("qdq", 8, {"tap": Pruned(0.5)}, "tap as pruned.*; QDQ holds dense layers of 1 to 8 bits"),
        ("qonnx", 8, {"tap": Dense(32)}, "tap as dense.*; QONNX holds dense layers of 1 to 8 bits"),
    ],
)
def test_what_a_form_cannot_say_is_refused_by_name(packed, images, form, bits, forms, said):
    with pytest.raises(NetworkError, match=said):
        integer_onnx(packed(bits, Dense(8), forms), (images,), None, (form,))


def test_files_that_answer_otherwise_are_not_kept(packed, images, of_bytes, monkeypatch):
    """The outputs in the other order."""
    right = made.onnx_runner
    monkeypatch.setattr(made, "qdq_content", lambda network: of_bytes.contents["qdq"])
    monkeypatch.setattr(made, "onnx_runner", lambda content: lambda *given: right(content)(*given).flip(1))
    with pytest.raises(ExportCheckError, match="images answered otherwise; ONNX QDQ in onnxruntime answers as"):
        integer_onnx(packed(8, Dense(8)), (images,), None, ("qdq",))


def test_scales_are_positive_and_filters_of_zeros_keep_their_bias():
    codes, scales = _positive(
        np.array([[-128, 3], [5, 5], [1, 2]]), np.array([-0.5, 0.0, 2.0]), np.array([0.0, 3.0, 0]), 0.1
    )
    assert codes.tolist() == [[127, -3], [0, 0], [1, 2]]
    assert scales[[0, 2]].tolist() == [0.5, 2.0]
    assert round(3.0 / (scales[1] * 0.1)) * scales[1] * 0.1 == pytest.approx(3.0)


@pytest.mark.parametrize("form", ["qdq", "qonnx"])
def test_layers_without_scales_and_filters_of_zeros_are_exported(packed, images, form):
    """A filter of zeros has a scale of 0, by which nothing is divided; codes without scales are the weights."""
    network = packed(8, Dense(8), {"tap": Dense(4), "each": Dense(1, "none")}, of_zeros="tap")
    found = integer_onnx(network, (images,), None, (form,))
    assert found.compared[form].answers_apart == 0


ZEROS = {
    "first": Dense(8, zero_bits=8),
    "each": Dense(4, scale_bits=8, zero_bits=4),
    "tap": Dense(2, "layer", zero_bits=6),
    "last": Dense(1, zero_bits=3),
}


def test_qdq_holds_zero_points_in_bytes(packed, images):
    """And with them the weights of the packed file, normalization folded, to the last bit of their scale."""
    network = packed(8, Dense(8), ZEROS)
    found = integer_onnx(network, (images,), None, ("qdq",))
    stored = {one.name: one for one in onnx.load_from_string(found.contents["qdq"]).graph.initializer}
    names = [name.removesuffix("codes.zeros") for name in stored if name.endswith("codes.zeros")]
    steps = [step for step in network.graph.modules() if isinstance(step, PackedStep)]
    for name, step in zip(names, steps, strict=True):
        assert stored[f"{name}codes.zeros"].data_type == onnx.TensorProto.INT8
        codes, zeros, scales = (
            numpy_helper.to_array(stored[f"{name}codes.{part}"]).astype(np.float64)
            for part in ("codes", "zeros", "scales")
        )
        packed_layer = network.layers[step.name]
        weights = reconstruct(packed_layer.shape, packed_layer.scheme, unpack_layer(packed_layer)).astype(np.float64)
        rows = weights.reshape(len(weights), -1) * step.follows.factors[:, None]
        assert (codes.reshape(rows.shape) - zeros[:, None]) * scales[:, None] == pytest.approx(rows, rel=1e-6, abs=1e-9)
    assert found.compared["qdq"].answers_apart == 0


@pytest.mark.parametrize("bits", [4, 2])
def test_qonnx_holds_zero_points_of_every_width(packed, images, bits):
    found = integer_onnx(packed(bits, Dense(4), ZEROS), (images,), None, ("qonnx",))
    assert "BipolarQuant" not in kinds(found.contents["qonnx"])
    compared = found.compared["qonnx"]
    assert (compared.images, compared.answers_apart) == (16, 0)
    assert compared.apart <= 2


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_zero_points_stay_exact_where_a_normalization_turns_a_filter_around(bits):
    """Weights -0.5 * (q - z) of every code q and of the zero points at both ends; and a filter of zeros."""
    codes = np.stack([code_levels(bits).astype(np.int64)] * 3)
    zeros, scales = np.array([-128, 127, 5]), np.array([-0.5, 0.5, 0.0])
    weights = scales[:, None] * (codes - zeros[:, None])
    turned = _turned(codes, zeros, scales)
    found, steps = _positive(turned[0], turned[2], np.zeros(3), 1.0)
    assert np.array_equal(steps[:, None] * (found - turned[1][:, None]), weights)
    assert (np.abs([found.min(), found.max(), turned[1].min(), turned[1].max()]) <= 128).all()
    assert max(found.max(), turned[1].max()) <= 127
    units, offsets = _of_ranks(scales, zeros, bits)
    ranks = np.stack([np.arange(1 << bits)[::-1], np.arange(1 << bits), np.zeros(1 << bits)])
    assert np.array_equal(units[:, None] * (ranks - offsets[:, None]), weights)


def test_qdq_takes_any_number_of_images(of_bytes):
    model = onnx.load_from_string(of_bytes.contents["qdq"])
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
