"""What each form saves, by arithmetic that can be followed, and against brute force."""

import itertools

import numpy as np
import pytest

from costmodels.schemes import Dense, Pruned
from searches.ablation import form_savings, forms_of, place_at, without_form
from searches.candidates import Candidates, CandidateTable
from searches.pairs import pair_front
from searches.table_columns import COLUMNS
from searches.tabulated import tabulated_figures

DENSE, PRUNED = Dense(), Pruned(0.5)
PAIR = ("flash_bytes", "distortion")


def table(layer, *candidates):
    """A layer's table from (scheme, flash bytes, distortion)."""
    schemes, flash, distortion = zip(*candidates, strict=True)
    columns = {name: np.zeros(len(schemes), dtype=np.int64) for name in COLUMNS}
    columns |= {"flash_bytes": np.array(flash), "distortion": np.array(distortion)}
    return CandidateTable(layer, schemes, columns, (frozenset(),) * len(schemes))


def savings_at(candidates, level, caps=None):
    best = pair_front(candidates, PAIR, caps or {})
    return {saving.form: saving for saving in form_savings(candidates, best, caps or {}, level)}


def test_a_form_saves_the_bytes_between_the_two_fronts():
    """Fronts of (bytes, distortion). With both forms (4+10, .5+.25), (6+10, .25+.25), (10+10, 0+.25); without pruned
    layers, which are of 4 and 6 bytes, the first layer has dense alone, of 10 and 8 bytes."""
    candidates = Candidates(
        (
            table("a", (DENSE, 10, 0.0), (DENSE, 8, 0.5), (PRUNED, 4, 0.5), (PRUNED, 6, 0.25)),
            table("b", (DENSE, 10, 0.25)),
        ),
        {},
    )
    found = savings_at(candidates, 0.5)
    pruned = found["pruned"]
    # At a distortion of 0.5: 6 + 10 bytes with it, 10 + 10 without: 0.25 + 0.25 is below what 8 bytes have, 0.75.
    assert (pruned.layers, pruned.least) == (("a",), 20.0)
    # Savings along the front: (18 - 14) / 18 at .75, (20 - 16) / 20 at .5, none at .25.
    assert pruned.most_share == pytest.approx(max((18 - 14) / 18, (20 - 16) / 20))
    assert (pruned.most_at, pruned.out_of_reach) == (0.75, 0)
    # Without dense the layer b keeps it, and a cannot get to a distortion of 0: one point is out of reach.
    dense = found["dense"]
    assert (dense.layers, dense.least, dense.out_of_reach) == (("b",), 16.0, 1)
    assert (dense.most_share, dense.most_at) == (0.0, None)


def test_a_form_that_no_design_of_the_front_uses_saves_nothing_and_needs_no_front():
    candidates = Candidates((table("a", (DENSE, 4, 0.5), (DENSE, 8, 0.0), (PRUNED, 9, 0.25)),), {})
    looked_at = []

    def noted(forms):
        looked_at.extend(forms)
        return forms

    best = pair_front(candidates, PAIR, {})
    _, pruned = form_savings(candidates, best, {}, 0.5, noted)
    assert looked_at == ["dense"]
    assert (pruned.form, pruned.layers, pruned.least, pruned.most_share) == ("pruned", (), 4.0, 0.0)


def test_a_figure_that_was_summed_in_another_order_is_at_its_level():
    candidates = Candidates((table("a", (DENSE, 8, 0.125), (PRUNED, 4, 0.25)),), {})
    front = pair_front(candidates, PAIR, {}).front
    bytes_of, second = front.figures.values()
    for place, value in enumerate(second):
        assert place_at(front, float(np.nextafter(value, 0.0))) == place
    assert place_at(front, 0.2) == list(bytes_of).index(8)
    assert place_at(front, 0.1) is None


def test_without_a_form_no_design_may_reach_the_level_or_fit():
    candidates = Candidates((table("a", (DENSE, 8, 0.0), (PRUNED, 4, 0.5)),), {})
    assert savings_at(candidates, 0.25)["dense"].least is None
    capped = savings_at(candidates, 0.5, {"flash_bytes": 6})["pruned"]
    assert (capped.least, capped.layers, capped.out_of_reach) == (None, ("a",), 1)


def test_a_layer_that_takes_one_form_alone_keeps_it():
    candidates = Candidates((table("a", (DENSE, 1, 0.0)), table("b", (PRUNED, 1, 0.0), (DENSE, 2, 0.0))), {"key": 5})
    rest = without_form(candidates, "dense")
    assert rest is not None
    assert [[scheme.name for scheme in own.schemes] for own in rest.layers] == [["dense"], ["pruned"]]
    assert rest.shared_bits == {}  # no candidate needs it
    assert without_form(Candidates(candidates.layers[:1], {}), "dense") is None


@pytest.mark.parametrize("seed", range(20))
def test_the_savings_are_those_of_brute_force(seed):
    generator = np.random.default_rng(seed)
    schemes = (DENSE, Dense(2), PRUNED, Pruned(0.25))
    layers = tuple(
        table(name, *((one, int(generator.integers(1, 9)), generator.integers(0, 16) / 16) for one in schemes))
        for name in "abc"
    )
    candidates = Candidates(layers, {})
    designs = np.array(list(itertools.product(range(4), repeat=3)))
    figures = tabulated_figures(candidates, designs, PAIR)
    flash, distortion = (figures[name] for name in PAIR)
    level = float(np.quantile(distortion, 0.3))
    found = savings_at(candidates, level)
    assert tuple(found) == forms_of(candidates) == ("dense", "pruned")
    for form, own in (("dense", [0, 1]), ("pruned", [2, 3])):
        without = ~np.isin(designs, own).any(axis=1)
        reached = flash[without & (distortion <= level)]
        assert found[form].least == (reached.min() if len(reached) else None)
        front = pair_front(candidates, PAIR, {}).front
        values = front.figures["distortion"]
        beyond = values[values < distortion[without].min()]
        assert found[form].out_of_reach == len(beyond)
        shares = [
            1 - flash[distortion <= value].min() / flash[without & (distortion <= value)].min()
            for value in distortion
            if value >= distortion[without].min()
        ]
        assert found[form].most_share == pytest.approx(max(shares))
