"""SRAM by hand on small graphs, and against an allocator that runs the network step by step."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodels import Dense, NetworkSpec, Operation, StackedBinary, TensorSpec, network_cost
from costmodels.memory import SramPeak, given_bytes, live_steps, peak_of
from costmodels.network import LayerSpec
from costmodels.shapes import ConvShape


def step(name, inputs, reuses=False, views=False):
    """A step ``name`` that reads tensors and writes the tensor of its own name."""
    return Operation(name, "step", tuple(inputs.split()), name, "free", "for the test", reuses=reuses, views=views)


def network(sizes, *operations, outputs):
    """A network of tensors of so many elements whose input is ``x``."""
    tensors = tuple(TensorSpec(name, elements) for name, elements in sizes.items())
    return NetworkSpec("graph", (), tensors, operations, ("x",), (outputs,))


def live_bytes(net, bits=8):
    return [found.bytes for found in live_steps(net, bits)]


def test_a_chain_holds_input_and_output_of_each_step():
    net = network({"x": 10, "a": 20, "b": 30, "c": 5}, step("a", "x"), step("b", "a"), step("c", "b"), outputs="c")
    assert live_bytes(net) == [10 + 20, 20 + 30, 30 + 5]
    peak = peak_of(live_steps(net, 8), {})
    assert peak == SramPeak(50, "b", 50, 0)


def test_a_tensor_takes_whole_bytes():
    net = network({"x": 3, "a": 5}, step("a", "x"), outputs="a")
    assert live_bytes(net, bits=3) == [2 + 2]  # 9 bits and 15 bits
    assert live_bytes(net, bits=32) == [12 + 20]


def test_a_residual_input_lives_until_the_addition():
    sizes = {"x": 8, "a": 16, "b": 8, "sum": 8}
    net = network(sizes, step("a", "x"), step("b", "a"), step("sum", "b x"), outputs="sum")
    assert live_bytes(net) == [8 + 16, 8 + 16 + 8, 8 + 8 + 8]


def test_an_addition_in_place_writes_over_an_operand_that_nothing_reads_later():
    sizes = {"x": 8, "a": 16, "b": 8, "sum": 8}
    net = network(sizes, step("a", "x"), step("b", "a"), step("sum", "b x", reuses=True), outputs="sum")
    assert live_bytes(net) == [8 + 16, 8 + 16 + 8, 8 + 8]


def test_an_addition_in_place_takes_the_second_operand_where_the_first_is_read_later():
    sizes = {"x": 8, "a": 8, "sum": 8, "y": 8}
    net = network(sizes, step("a", "x"), step("sum", "x a", reuses=True), step("y", "sum x"), outputs="y")
    steps = live_steps(net, 8)
    assert [found.bytes for found in steps] == [16, 16, 24]
    assert steps[1].tensors == ("a", "x")  # the sum lies in a's place


def test_a_step_in_place_whose_input_is_read_later_takes_a_place_of_its_own():
    net = network({"x": 8, "a": 8, "y": 8}, step("a", "x", reuses=True), step("y", "a x"), outputs="y")
    assert live_bytes(net) == [16, 24]


def test_a_view_and_a_view_of_it_take_no_place():
    sizes = {"x": 4, "a": 12, "flat": 12, "part": 6, "y": 2}
    views = step("flat", "a", reuses=True), step("part", "flat", reuses=True)
    net = network(sizes, step("a", "x"), *views, step("y", "part"), outputs="y")
    assert live_bytes(net) == [4 + 12, 12, 12, 12 + 2]


def test_a_view_lies_in_its_source_while_that_is_read_again():
    sizes = {"x": 4, "y": 12, "v": 12, "a": 2, "w": 12, "b": 2}
    operations = step("y", "x"), step("v", "y", views=True), step("a", "v"), step("w", "y", views=True), step("b", "w")
    net = NetworkSpec("views", (), tuple(TensorSpec(*item) for item in sizes.items()), operations, ("x",), ("a", "b"))
    assert live_bytes(net) == [4 + 12, 12, 12 + 2, 12 + 2, 12 + 2 + 2]


def test_a_view_keeps_its_source_after_the_last_reader_of_that():
    sizes = {"x": 4, "a": 12, "part": 3, "b": 1, "y": 1}
    net = network(
        sizes, step("a", "x"), step("part", "a", views=True), step("b", "x"), step("y", "part b"), outputs="y"
    )
    assert live_bytes(net) == [4 + 12, 12 + 4, 4 + 12 + 1, 12 + 1 + 1]


def test_a_step_in_place_does_not_write_over_a_view_that_is_read_later():
    sizes = {"x": 8, "v": 8, "a": 8, "y": 8}
    net = network(sizes, step("v", "x", views=True), step("a", "x", reuses=True), step("y", "a v"), outputs="y")
    assert live_bytes(net) == [8, 16, 24]


def test_a_view_may_have_more_values_than_its_source():
    """Zeros that the convolution adds while it reads take no place."""
    net = network({"x": 4, "padded": 9, "y": 4}, step("padded", "x", views=True), step("y", "padded"), outputs="y")
    assert live_bytes(net) == [4, 8]


def test_an_input_that_the_caller_gives_takes_no_place_and_is_not_written_over():
    sizes = {"x": 100, "v": 100, "a": 60, "b": 60, "y": 8}
    operations = step("v", "x", views=True), step("a", "v", reuses=True), step("b", "a", reuses=True), step("y", "b x")
    tensors = tuple(TensorSpec(*item) for item in sizes.items())
    net = NetworkSpec("given", (), tensors, operations, ("x",), ("y",))
    assert live_bytes(net) == [100, 160, 160, 168]
    given = replace(net, given=("x",))
    assert live_bytes(given) == [0, 60, 60, 68]
    assert (given_bytes(given, 8), given_bytes(given, 4), given_bytes(net, 8)) == (100, 50, 0)


def test_a_place_is_reused_only_where_it_is_large_enough():
    net = network({"x": 4, "wide": 9, "y": 1}, step("wide", "x", reuses=True), step("y", "wide"), outputs="y")
    assert live_bytes(net) == [4 + 9, 9 + 1]


def test_the_networks_input_lives_until_it_is_last_read():
    sizes = {"x": 100, "a": 1, "b": 1, "y": 1}
    net = network(sizes, step("a", "x"), step("b", "a"), step("y", "b x"), outputs="y")
    assert live_bytes(net) == [101, 102, 102]


def test_an_output_lives_to_the_end_and_is_never_written_over():
    sizes = {"x": 4, "early": 50, "b": 4, "c": 8}
    operations = step("early", "x"), step("b", "early", reuses=True), step("c", "b")
    assert live_bytes(network(sizes, *operations, outputs="early")) == [54, 54, 62]
    assert live_bytes(network(sizes, *operations, outputs="c")) == [54, 50, 58]


def test_a_tensor_that_nothing_reads_lives_while_it_is_written():
    net = network({"x": 4, "dead": 50, "y": 4}, step("dead", "x"), step("y", "x"), outputs="y")
    assert live_bytes(net) == [54, 8]


def test_scratch_counts_while_its_layer_runs_and_the_first_of_equal_peaks_is_named():
    layers = tuple(LayerSpec(name, ConvShape(1, 1, 1, (1, 10))) for name in ("one", "two"))
    tensors = tuple(TensorSpec(name, 10) for name in ("x", "a", "b"))
    operations = (
        Operation("one", "conv2d", ("x",), "a", "counted", layer="one"),
        Operation("two", "conv2d", ("a",), "b", "counted", layer="two"),
    )
    steps = live_steps(NetworkSpec("two", layers, tensors, operations, ("x",), ("b",)), 8)
    assert peak_of(steps, {}) == SramPeak(20, "one", 20, 0)
    assert peak_of(steps, {"one": 5, "two": 7}) == SramPeak(27, "two", 20, 7)
    assert peak_of(steps, {"one": 7, "two": 7}).operation == "one"


@st.composite
def graphs(draw):
    """Networks of a few steps in any order of reads, some in place."""
    names, operations = ["x"], []
    for index in range(draw(st.integers(1, 9))):
        inputs = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        operations.append(step(f"t{index}", " ".join(inputs), draw(st.booleans()), draw(st.booleans())))
        names.append(f"t{index}")
    sizes = {name: draw(st.integers(1, 6)) for name in names}
    outputs = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    tensors = tuple(TensorSpec(name, elements) for name, elements in sizes.items())
    return NetworkSpec("random", (), tensors, tuple(operations), ("x",), tuple(outputs))


def simulated_peak(net, bits):
    """Runs the steps with a heap: a block of bytes holds one tensor and views of it, and is freed once nothing waits to
    read one of them."""
    size = {tensor.name: -(-tensor.elements * bits // 8) for tensor in net.tensors}
    heap = {"x": size["x"]}  # block -> bytes
    content = {"x": {"x"}}  # block -> the tensors in it now
    peak = 0
    for index, operation in enumerate(net.operations):
        waiting = set(net.outputs)
        for later in net.operations[index + 1 :]:
            waiting.update(later.inputs)
        written_to = None
        blocks = [next(key for key, tensors in content.items() if name in tensors) for name in operation.inputs]
        if operation.views:
            content[blocks[0]].add(operation.output)
        else:
            for block in blocks if operation.reuses else ():
                if not content[block] & waiting and heap[block] >= size[operation.output] and written_to is None:
                    written_to = block
            if written_to is None:
                written_to = f"block of {operation.output}"
                heap[written_to] = size[operation.output]
            content[written_to] = {operation.output}
        peak = max(peak, sum(heap.values()))
        for block in [key for key, tensors in content.items() if not tensors & waiting]:
            del heap[block], content[block]
    return peak


@given(graphs(), st.sampled_from([1, 4, 8, 32]))
def test_the_peak_is_that_of_an_allocator(net, bits):
    assert peak_of(live_steps(net, bits), {}).bytes == simulated_peak(net, bits)


@pytest.fixture
def resnet20(zoo_spec):
    return zoo_spec("resnet20-cifar")


def test_resnet20_at_eight_bits(resnet20):
    """In a block of the first stage its input, the map between its convolutions and the second one's output are live,
    16 channels of 32x32 bytes each."""
    cost = network_cost(resnet20, Dense(8), activation_bits=8)
    assert cost.sram_bytes == 3 * 16 * 32 * 32 == 48 * 1024
    assert cost.sram.scratch_bytes == 0


def test_resnet20_with_the_scratch_of_shared_maps(resnet20):
    """One row of the S*k = 1*4 maps of 32 values of 4 bytes in addition to the three maps."""
    schemes = {layer.name: StackedBinary(layer.shape.group_inputs, 4) for layer in resnet20.layers}
    cost = network_cost(resnet20, schemes, activation_bits=8)
    assert cost.sram_bytes == 48 * 1024 + 1 * 4 * 32 * 4
    assert cost.sram.scratch_bytes == 512
