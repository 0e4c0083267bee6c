"""Networks from ONNX files: what is counted of them, that they compute what the files do, and what is refused."""

import json

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from explorer.networks import onnx_network
from explorer.networks.load import load_network
from explorer.networks.onnx_file import onnx_content, onnx_runner
from explorer.networks.onnx_network import file as onnx_reading
from explorer.networks.onnx_network.layers import layer_name
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.system.errors import NetworkError

RNG = np.random.default_rng(0)
SHAPES = {
    "conv.weight": (8, 1, 3, 3),
    "conv.bias": (8,),
    "norm.scale": (8,),
    "norm.shift": (8,),
    "norm.mean": (8,),
    "norm.var": (8,),
    "depthwise.weight": (8, 1, 3, 3),
    "dense": (8, 3),
    "dense.bias": (3,),
}


def stored(name, values):
    return numpy_helper.from_array(np.asarray(values), name)


def small(batch="n", size=8, reshape=(0, -1), inputs=None, nodes=(), weights=None):
    """A convolution that pads to one side alone, a normalization, a depthwise convolution and a stored matrix."""
    made = {name: RNG.uniform(0.2, 1, shape).astype(np.float32) for name, shape in SHAPES.items()} | (weights or {})
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["a"], "/conv/Conv", pads=[0, 0, 1, 1]),
            helper.make_node("BatchNormalization", ["a", *(f"norm.{part}" for part in NORM)], ["b"], "/norm/BN"),
            helper.make_node("Clip", ["b", "low", "high"], ["c"], "/act/Clip"),
            helper.make_node(
                *("Conv", ["c", "depthwise.weight"], ["d"], "/depthwise/Conv"),
                group=8,
                auto_pad="SAME_UPPER",
                strides=[2, 2],
            ),
            helper.make_node("GlobalAveragePool", ["d"], ["e"], "/pool/Pool"),
            helper.make_node("Reshape", ["e", "flat"], ["f"], "/flat/Reshape"),
            helper.make_node("MatMul", ["f", "dense"], ["g"], "/head/MatMul"),
            helper.make_node("Add", ["g", "dense.bias"], ["y"], "/head/Add"),
            *nodes,
        ],
        "small",
        inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 3])],
        [
            *(stored(name, values) for name, values in made.items()),
            stored("low", np.float32(0)),
            stored("high", np.float32(6)),
            stored("flat", np.array(reshape, np.int64)),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


NORM = ("scale", "shift", "mean", "var")


@pytest.fixture
def write(tmp_path):
    def save(model, name="net.onnx"):
        onnx.save(model, tmp_path / name)
        return str(tmp_path / name)

    return save


def test_layers_have_their_names_and_sizes_and_outputs_are_those_of_the_file(write):
    model = small()
    loaded = load_network(write(model))
    traced = trace(loaded.module, loaded.example_input, loaded.name)
    assert (loaded.name, loaded.weights_origin) == ("net.onnx", "weights of net.onnx")
    shapes = {layer.name: layer.shape for layer in traced.spec.layers}
    assert list(shapes) == ["conv", "depthwise", "head"]
    # 7 x 7 after one side's zero: (8 + 1 - 3) + 1; 4 x 4 after a stride of 2 with "same" zeros
    assert traced.spec.dense_macs == 8 * 9 * 7 * 7 + 8 * 9 * 4 * 4 + 8 * 3
    assert traced.spec.weights == 72 + 72 + 24
    assert (traced.fixed_batch, traced.spec.unknown) == (None, ())
    images = torch.randn(5, 1, 8, 8)
    expected = onnx_runner(model.SerializeToString())(images)
    torch.testing.assert_close(traced.graph(images), expected, rtol=1e-5, atol=1e-5)


CUT = [
    {"strides": [2, 2], "kernel_shape": [3, 3]},
    {"strides": [2, 1], "pads": [1, 0, 1, 2], "output_padding": [1, 0], "group": 2},
    {"strides": [2, 2], "pads": [0, 1, 1, 1]},  # more at the end
    {"strides": [3, 3], "pads": [2, 1, 1, 1]},  # less at the end
    {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"strides": [2, 3], "auto_pad": "SAME_LOWER", "dilations": [1, 2]},
    {"auto_pad": "VALID"},
]


@pytest.mark.parametrize("attributes", CUT, ids=str)
def test_transposed_convolutions_are_layers(write, attributes):
    """4 * 6 or, of two groups, 4 * 3 * 9 weights, each at the 5 * 4 values of the input."""
    groups = attributes.get("group", 1)
    made = {"up.weight": RNG.normal(size=(4, 6 // groups, 3, 3)).astype(np.float32), "up.bias": np.ones(6, np.float32)}
    graph = helper.make_graph(
        [helper.make_node("ConvTranspose", ["x", *made], ["y"], "/up/ConvTranspose", **attributes)],
        "up",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 5, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 6, "h", "w"])],
        [stored(name, values) for name, values in made.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    loaded = load_network(write(model))
    traced = trace(loaded.module, loaded.example_input, "up")
    assert [layer.name for layer in traced.spec.layers] == ["up"]
    assert (traced.spec.dense_macs, traced.spec.fixed) == (4 * 6 // groups * 9 * 20, ())
    images = torch.randn(3, 4, 5, 4)
    expected = onnx_runner(model.SerializeToString())(images)
    torch.testing.assert_close(traced.graph(images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reshape", [(1, -1), (1, 8)], ids=["open", "fixed"])
def test_a_file_for_one_image_takes_any_number_where_each_is_answered_alike(write, reshape):
    loaded = load_network(write(small(batch=1, reshape=reshape)))
    traced = trace(loaded.module, loaded.example_input, "one")
    assert traced.fixed_batch is None
    assert traced.graph(torch.zeros(3, 1, 8, 8)).shape == (3, 3)


def test_sizes_that_the_graph_computes_of_its_input_are_numbers(write):
    """Flattening as torch's older exporter writes it: Shape, Gather, Concat, Reshape."""
    model = small()
    nodes = [
        helper.make_node("Shape", ["e"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "first1"], ["batch1"]),
        helper.make_node("Concat", ["batch1", "rest"], ["flat"], axis=0),
    ]
    graph = model.graph
    del graph.initializer[-1]  # flat
    graph.initializer.extend([stored("first", np.array(0)), stored("first1", np.array([0])), stored("rest", [8])])
    kept = list(graph.node)
    del graph.node[:]
    graph.node.extend([*kept[:5], *nodes, *kept[5:]])
    loaded = load_network(write(model))
    traced = trace(loaded.module, loaded.example_input, "computed")
    assert traced.fixed_batch is None
    assert traced.spec.unknown == ()


def test_weights_that_the_file_computes_of_constants_are_evaluated_once(write):
    """As in files of 8-bit weights: (q - 3) * 0.5 is what the convolution reads."""
    model = small()
    levels = RNG.integers(-128, 128, (8, 1, 3, 3)).astype(np.int8)
    graph = model.graph
    graph.node.insert(0, helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["conv.w8"]))
    graph.node[1].input[1] = "conv.w8"
    graph.initializer.extend(
        [stored("q", levels), stored("step", np.float32(0.5)), stored("zero", np.array(3, np.int8))]
    )
    loaded = load_network(write(model))
    weights = trace(loaded.module, loaded.example_input, "levels").weights
    assert np.array_equal(weights["conv"].reshape(-1), (levels.reshape(-1).astype(np.float32) - 3) * 0.5)


def test_a_constant_that_would_fill_the_memory_is_not_evaluated():
    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["s"], ["y"])], "g", [], [], [stored("s", [10**6] * 2)]
    )
    onnx_reading._fold(graph, [helper.make_opsetid("", 17)])
    assert len(graph.node) == 1
    graph.initializer[0].CopyFrom(stored("s", [10, 20]))
    graph.output.append(helper.make_empty_tensor_value_info("y"))
    onnx_reading._fold(graph, [helper.make_opsetid("", 17)])
    assert (len(graph.node), list(graph.initializer[-1].dims)) == (0, [10, 20])


def test_the_zoos_network_is_the_same_from_its_file(tmp_path):
    module, example = build("digits-cnn")
    (tmp_path / "digits.onnx").write_bytes(onnx_content(module, example))
    loaded = load_network(str(tmp_path / "digits.onnx"))
    found, own = trace(loaded.module, loaded.example_input, "a"), trace(module, example, "a")
    assert [layer.name for layer in found.spec.layers] == [layer.name for layer in own.spec.layers]
    assert (found.spec.dense_macs, found.spec.weights) == (own.spec.dense_macs, own.spec.weights)
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(found.graph(images), own.graph(images), rtol=1e-5, atol=1e-5)


def node_of(kind, name):
    return helper.make_node(kind, ["x", "w"], [f"{kind}_out"], name)


@pytest.mark.parametrize(
    ("node", "weight", "taken", "expected"),
    [
        (node_of("Conv", "n"), "features.0.0.weight", (), "features.0.0"),
        (node_of("Conv", "/layer1/layer1.0/conv1/Conv"), "onnx::Conv_12", (), "layer1.0.conv1"),
        (node_of("Conv", ""), "w", (), "Conv_out"),
        (node_of("Gemm", "model/dense:0"), "w", (), "model.dense_0"),
        (node_of("Conv", "n"), "a.weight", ("a",), "a_2"),
        (node_of("Conv", "n"), "a.b.weight", ("a",), "a_b"),
        (node_of("Conv", "n"), "ab.weight", ("a",), "ab"),
    ],
)
def test_names_of_layers(node, weight, taken, expected):
    assert layer_name(node, weight, dict.fromkeys(taken)) == expected


def test_what_cannot_be_read_is_one_line(write, tmp_path, monkeypatch):
    with pytest.raises(NetworkError, match=r"nothing\.onnx; the ONNX file exists"):
        load_network("nothing.onnx")
    whole = small().SerializeToString()
    for content in (b"no model", whole[: len(whole) // 2], b""):
        (tmp_path / "cut.onnx").write_bytes(content)
        with pytest.raises(NetworkError, match=r"cut\.onnx is a whole ONNX model") as caught:
            load_network(str(tmp_path / "cut.onnx"))
        assert "\n" not in str(caught.value)
    unknown = helper.make_node("Twist", ["y"], ["z"], domain="my.domain")
    model = small(nodes=[unknown])
    model.opset_import.append(helper.make_opsetid("my.domain", 1))
    model.graph.output[0].name = "z"
    with pytest.raises(
        NetworkError, match=r"my\.domain\.Twist has none; the operations of net\.onnx have counterparts"
    ):
        load_network(write(model))
    with pytest.raises(NetworkError, match=r"x \('n', 1, 'h', 8\); inputs of net\.onnx have sizes"):
        load_network(write(small(inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, "h", 8])])))
    with pytest.raises(NetworkError, match=r"x of DOUBLE; inputs of net\.onnx are 32-bit floats or integers"):
        load_network(write(small(inputs=[helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["n", 1, 8, 8])])))
    monkeypatch.setattr(onnx_reading, "MOST_BYTES", 100)
    with pytest.raises(NetworkError, match="an ONNX file has at most 100 bytes"):
        load_network(write(small()))


def test_outputs_that_differ_from_the_files_are_refused(write, monkeypatch):
    monkeypatch.setattr(
        onnx_network.load, "onnx_runner", lambda content: lambda *inputs: torch.zeros(len(inputs[0]), 3)
    )
    with pytest.raises(
        NetworkError, match=r"apart; outputs of net\.onnx in torch are those of onnxruntime within 0\.0001"
    ):
        load_network(write(small()))


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/hostname", "missing.bin", "link.bin"])
def test_data_outside_of_the_files_folder_are_refused(tmp_path, location):
    folder = tmp_path / "model"
    folder.mkdir()
    model = small()
    (tmp_path / "outside.bin").write_bytes(bytes(1000))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location, offset=0, length=288)
    model.graph.initializer[0].ClearField("raw_data")
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(NetworkError, match=r"the data of net\.onnx lie in files of its own folder"):
        load_network(str(folder / "net.onnx"))


def test_data_beside_the_file_are_read(tmp_path):
    model = small()
    expected = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, location="apart.bin", size_threshold=0)
    assert (tmp_path / "apart.bin").is_file()
    found, content = onnx_reading.read_onnx(tmp_path / "apart.onnx")
    for tensor in found.graph.initializer:
        assert np.array_equal(numpy_helper.to_array(tensor), expected[tensor.name])
    assert len(content) > 4 * (72 + 72 + 24)  # the whole file, its data with it


DATA = """
import numpy as np
def images():
    return np.random.default_rng(0).normal(size=(48, 1, 8, 8)).astype(np.float32)
"""


def test_commands_take_a_file(write, run_filterfront, tmp_path):
    """Searched without labels, fine-tuned, and exported."""
    write(small())
    (tmp_path / "data.py").write_text(DATA)

    def run(*arguments):
        done = run_filterfront(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    options = ("--flash", "2KiB", "--sampler", "random", "--no-gap", "--calibration-images", 0, "--trials", 2)
    options += ("--schemes", "dense(weight_bits=3),dense(weight_bits=8)", "--out", "run")
    run("search", "--network", "net.onnx", "--data", "data.py:images", *options)
    design = pd.read_csv(tmp_path / "run" / "front.csv", dtype=str)["design"].iloc[0]
    run("finetune", "run", "--design", design, "--epochs", 1)
    plain = json.loads(run("export", "run", "--design", design, "--out", "files", "--json"))
    assert plain["float_activations"]["apart"] == 0
