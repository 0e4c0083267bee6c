"""Designs, their names, and the uniform baseline."""

import hashlib
import json
import pickle
from dataclasses import FrozenInstanceError

import pytest

from costmodels import Dense, Pruned, StackedBinary
from searches.baselines import UNIFORM_BITS, uniform_designs
from searches.design import Design, methods_of

DESIGN = {"stem": Dense(8), "depthwise": Pruned(0.5, 4), "mix": StackedBinary(2, 4), "head": Dense(1)}


def test_a_design_has_the_same_name_on_every_machine():
    """SHA-256 of the sorted JSON of the schemes' texts, its first ten digits; a change would orphan saved designs."""
    assert Design(DESIGN).id == "27eacab1d1"


def test_no_name_reads_as_a_number():
    """A table's reader would take 582885e582 for one, and write it as infinite."""
    designs = [Design({str(layer): Dense(bits)}) for layer in range(60) for bits in range(1, 9)]
    texts = [json.dumps({name: str(scheme) for name, scheme in design.schemes.items()}) for design in designs]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert sum(is_number(digest[:10]) for digest in digests) >= 3
    for design, digest in zip(designs, digests, strict=True):
        start = digest.index(design.id)
        assert not is_number(design.id)
        assert all(is_number(digest[before : before + 10]) for before in range(start))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_the_order_of_layers_does_not_matter():
    assert Design(dict(reversed(DESIGN.items()))).id == Design(DESIGN).id


def test_a_design_is_immutable_hashable_and_the_same_in_another_process():
    schemes = dict(DESIGN)
    design = Design(schemes, 4)
    schemes["head"] = Dense(2)
    assert design == Design(dict(reversed(DESIGN.items())), 4)
    assert len({design, pickle.loads(pickle.dumps(design)), Design(DESIGN, 8), Design(DESIGN)}) == 3  # noqa: S301
    with pytest.raises(TypeError):
        design.schemes["head"] = Dense(2)
    with pytest.raises(FrozenInstanceError):
        design.activation_bits = 8


@pytest.mark.parametrize(
    "change", [{"head": Dense(2)}, {"head": Dense(1, scale="layer")}, {"mix": StackedBinary(2, 4, selection="one-hot")}]
)
def test_every_parameter_tells_designs_apart(change):
    assert Design({**DESIGN, **change}).id != Design(DESIGN).id


def test_methods_are_ordered_by_the_weights_they_hold(network):
    """stem 72 and head 12 weights dense, mix 48 stacked, depthwise 36 pruned."""
    assert methods_of(network, DESIGN) == ["dense", "stacked-binary", "pruned"]
    assert methods_of(network, {**DESIGN, "stem": Pruned(0.5, 4)}) == ["pruned", "stacked-binary", "dense"]


def test_methods_of_equal_weights_are_ordered_by_name(network):
    design = {"stem": Dense(), "depthwise": Pruned(), "head": StackedBinary(4, 1), "mix": Pruned(0.5)}
    assert methods_of(network, design) == ["pruned", "dense", "stacked-binary"]  # 36 + 48; 72; 12
    equal = {"stem": Dense(), "depthwise": Pruned(), "head": Dense(), "mix": Pruned()}  # 84 each
    assert methods_of(network, equal) == ["dense", "pruned"]


def test_the_baseline_is_dense_at_every_width(network):
    designs = uniform_designs(network)
    assert list(designs)[:2] == ["dense 1 bit", "dense 2 bits"]
    assert len(designs) == len(UNIFORM_BITS)
    for bits, design in zip(UNIFORM_BITS, designs.values(), strict=True):
        assert design.schemes == {layer.name: Dense(bits) for layer in network.layers}
