"""The checks agree with the formulas as they are, and name scheme and component of a formula that is off by one."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from costmodels.kernels.forms import KERNELS
from costmodels.network import LayerSpec, NetworkSpec
from costmodels.schemes import SCHEMES, LayerUsage, LinearRepresentation, Operations
from costmodels.shapes import ConvShape
from costmodels.validation import published
from costmodels.validation.checks import (
    counted_operations,
    network_packing,
    packed_bits,
    packing_cases,
)
from costmodels.validation.counters import TorchCounts, count_fvcore, count_torch
from costmodels.validation.expansions import EXPANSIONS, Phase
from costmodels.validation.results import Check, Tally
from costmodels.validation.torch_counts import operations_of, torch_operations

COUNTS = ("macs", "additions", "multiplications", "bit_ops", "scratch_bytes")
COMPONENTS = {
    "dense": {"weights", "scales"},
    "pruned": {"weights", "index", "scales"},
    "stacked-binary": {"basis", "selection", "scales"},
    "lego-net": {"basis", "selection", "scales"},
    "linear-representation": {"coefficients", "index", "codebook", "scales"},
    "sparse-basis": {"basis", "coefficients", "index", "scales"},
    "entropy-coded": {"weights", "scales"},
    "nm-sparse": {"weights", "index", "scales"},
    "low-rank": {"basis", "coefficients", "scales"},
    "ternary": {"weights", "scales"},
    "palettized": {"index", "codebook", "scales"},
    "vector-quantized": {"index", "codebook", "scales"},
}


def off(checks):
    """(scheme, component, deviation) of what differs."""
    return {(check.scheme, check.component, check.worst) for check in checks if not check.agrees}


def add_to_storage(patch, kind, component):
    """One bit more in a component of a scheme's formula."""
    storage = kind.storage

    def changed(self, shape, used=LayerUsage()):
        bits = storage(self, shape, used)
        return bits | {component: bits[component] + 1}

    patch.setattr(kind, "storage", changed)


def add_to_operations(patch, kind, execution, count):
    """One operation, or byte, more in an execution of a scheme's formula."""
    name = "methods" if kind is LinearRepresentation else "executions"
    formulas = getattr(kind, name)

    def changed(self, shape, activation_bits, used=LayerUsage()):
        works = formulas(self, shape, activation_bits, used)
        more = replace(works[execution], **{count: getattr(works[execution], count) + 1})
        return works | {execution: more}

    patch.setattr(kind, name, changed)


class TestFormulasAsTheyAre:
    def test_packed_bits(self):
        ticks = []
        checks = packed_bits(30, 1, lambda: ticks.append(1))
        assert off(checks) == set()
        assert len(ticks) == 30 * len(SCHEMES)
        for name, components in COMPONENTS.items():
            found = {check.component: check.cases for check in checks if check.scheme == name}
            assert {component: found[component] for component in components} == dict.fromkeys(components, 30)

    def test_counted_operations(self):
        checks = counted_operations(15, 1)
        assert off(checks) == set()
        for name, kind in SCHEMES.items():
            found = {check.component for check in checks if check.scheme == name and check.cases == 15}
            assert found >= {f"{execution} {count}" for execution in kind.method_names for count in COUNTS}

    def test_operations_of_torch(self):
        checks = torch_operations(10, 1)
        assert off(checks) == set()
        assert {check.name for check in checks} == {
            "operations, FlopCounterMode",
            "operations, fvcore",
            "result of the expansion",
        }
        assert all(check.cases == 10 for check in checks)

    def test_layers_of_a_network(self):
        shape = ConvShape(8, 4, (3, 3), (6, 6))
        network = NetworkSpec("own", (LayerSpec("a", shape), LayerSpec("b", ConvShape(9, 4, 1, 6))), (), (), (), ())
        cases = packing_cases([network])
        assert len(cases) == len(SCHEMES) * 2 - 1  # 1x1 kernels have no linear representation
        assert len(packing_cases([network], largest=8 * 4)) == 0
        assert off(network_packing(cases, 0)) == set()

    def test_every_execution_is_expanded(self):
        assert {name: set(executions) for name, executions in EXPANSIONS.items()} == {
            name: set(record.loops) for name, record in KERNELS.items()
        }


class TestFormulasOffByOne:
    @pytest.mark.parametrize("name", SCHEMES)
    def test_a_bit_is_found_in_every_component(self, name, monkeypatch):
        for component in COMPONENTS[name]:
            with monkeypatch.context() as patch:
                add_to_storage(patch, SCHEMES[name], component)
                assert off(packed_bits(3, 0)) == {(name, component, 1)}

    @pytest.mark.parametrize("name", SCHEMES)
    def test_an_operation_is_found_in_every_execution(self, name, monkeypatch):
        kind = SCHEMES[name]
        for execution in kind.method_names:
            for count in COUNTS:
                with monkeypatch.context() as patch:
                    add_to_operations(patch, kind, execution, count)
                    found = off(counted_operations(4, 0))
                assert (name, f"{execution} {count}", 1) in found
                assert {scheme for scheme, *_ in found} == {name}

    @pytest.mark.parametrize("name", SCHEMES)
    def test_the_other_counters_find_it_too(self, name, monkeypatch):
        for execution in SCHEMES[name].method_names:
            with monkeypatch.context() as patch:
                add_to_operations(patch, SCHEMES[name], execution, "additions")
                checks = torch_operations(1, 0)
            assert off(checks) == {(name, f"{execution} additions", 1)}
            assert [check.name for check in checks if not check.agrees] == [
                "operations, FlopCounterMode",
                "operations, fvcore",
            ]

    def test_the_best_of_several_methods_is_checked_as_such(self, monkeypatch):
        executions = LinearRepresentation.executions

        def worst(self, shape, activation_bits, used=LayerUsage()):
            works = executions(self, shape, activation_bits, used)
            _, *methods = self.methods(shape, activation_bits, used).values()
            return works | {"shared-maps": max(methods, key=lambda work: work.bit_ops)}

        monkeypatch.setattr(LinearRepresentation, "executions", worst)
        found = off(counted_operations(10, 0))
        assert ("linear-representation", "shared-maps bit_ops") in {case[:2] for case in found}

    def test_a_published_figure(self, monkeypatch):
        figure = replace(published.PUBLISHED[0], exact=published.PUBLISHED[0].exact - 1)
        wrong = replace(published.PUBLISHED[1], published=30)
        monkeypatch.setattr(published, "PUBLISHED", (figure, wrong))
        first, second = published.check_published()
        assert (first.scheme, first.worst, first.verdict) == ("LFB, ICCV 2019", 1, "DIFFERS")
        assert (second.worst, second.where) == (pytest.approx(21.81 - 30), "as printed")


class TestCounters:
    IMAGE = (torch.ones(2, 5, 5),)
    WEIGHTS = torch.ones(3, 2, 3, 3)

    def test_a_convolution_and_elementwise_steps(self):
        def run(image):
            output = functional.conv2d(image[None], self.WEIGHTS, padding=1)
            return (output * 2 + output,)

        counts, (output,) = count_torch(run, self.IMAGE)
        assert counts == count_fvcore(run, self.IMAGE) == TorchCounts(3 * 2 * 9 * 25, 3 * 25, 3 * 25)
        assert output.shape == (1, 3, 5, 5)

    def test_fvcore_skips_padding_as_text_and_says_so(self):
        def run(image):
            return (functional.conv2d(image[None], self.WEIGHTS, padding="same"),)

        assert count_torch(run, self.IMAGE)[0] == TorchCounts(3 * 2 * 9 * 25, 0, 0)
        assert count_fvcore(run, self.IMAGE) == TorchCounts(0, 0, 0, skipped=1)

    def test_an_accumulation_under_one_bit_is_an_addition(self):
        counts = TorchCounts(accumulations=10, additions=3, multiplications=2)
        one_bit, more = (Phase(lambda image: (image,), bits, 8) for bits in (1, 4))
        assert operations_of([(one_bit, counts)]) == Operations(0, 10 + 3, 2, (10 + 2) * 1 * 8 + 3 * 8)
        assert operations_of([(more, counts)]) == Operations(10, 3, 2, (10 + 2) * 4 * 8 + 3 * 8)


def test_a_tally_keeps_the_worst_case_of_every_component():
    tally = Tally("storage")
    for component, formula, found, case in (("b", 5, 5, "one"), ("a", 5, 6, "two"), ("b", 7, 4, "three")):
        tally.compare("x", component, formula, found, case)
    tally.compare("x", "b", 1, 2, "four")
    assert tally.checks() == (Check("storage", "x", "b", 3, 3, "three"), Check("storage", "x", "a", 1, -1, "two"))
    assert [check.verdict for check in tally.checks()] == ["DIFFERS", "DIFFERS"]
    assert tally.checks()[0].to_json()["verdict"] == "DIFFERS"
