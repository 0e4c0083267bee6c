"""Which design is trained next."""

from dataclasses import replace

import numpy as np

from searches.promotion import START, Pool, promoted

COSTS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
SEEN = np.array([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
NONE = np.full(8, np.nan)


def pool(trained=NONE, pending=(), seen=SEEN, losses=None, costs=COSTS):
    is_pending = np.isin(np.arange(len(seen)), pending)
    losses = seen / 10 if losses is None else losses
    return Pool(costs.reshape(len(seen), -1), seen, np.array(losses), np.array(trained), is_pending)


def order(start, trained_by):
    """The designs in the order in which they are trained, what training makes of them by index."""
    state = start
    found = []
    while (index := promoted(state)) is not None:
        found.append(index)
        trained = state.trained.copy()
        trained[index] = trained_by(index)
        state = Pool(state.known, state.seen, state.losses, trained, state.pending)
    return found


def test_the_first_are_the_best_the_smallest_and_what_is_farthest_from_both():
    """Costs double: the best costs 2^7, then 2^0 is farthest, then 2^3 (of 2^3 and 2^4, as far, the first)."""
    assert order(pool(), lambda index: 0.5)[:3] == [7, 0, 3]


def test_each_design_is_trained_once_and_then_there_is_none():
    assert sorted(order(pool(), lambda index: SEEN[index] / 20)) == list(range(8))
    assert promoted(pool(trained=np.zeros(8))) is None


def test_dominated_designs_wait():
    """Of two designs that cost the same, the one that was worse before is not among the first."""
    costs = np.append(COSTS, 8.0)
    start = pool(np.full(9, np.nan), seen=np.append(SEEN, 5.5), costs=costs)
    assert 8 not in order(start, lambda index: 0.5)[:START]


def test_one_that_is_being_trained_is_not_chosen_again():
    chosen = promoted(pool())
    assert promoted(pool(pending=[chosen])) not in (chosen, None)


def test_what_training_gains_most_comes_next():
    """Training brings all of the larger designs to 0 and leaves the smaller ones at 0.8. Where nothing is known between
    the two, a design at 4 or 8 that reached 0 would gain most; the others can gain next to nothing."""
    trained = np.array([0.8, 0.7, np.nan, np.nan, 0.0, 0.0, 0.0, np.nan])
    assert promoted(pool(trained, pending=[7])) in (2, 3)


def test_a_design_that_training_cannot_improve_is_last():
    """The largest design is without loss already."""
    losses = np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0])
    trained = np.array([0.4, 0.35, 0.3, 0.2, 0.1, 0.05, np.nan, np.nan])
    assert promoted(pool(trained, losses=losses)) == 6


def test_nothing_is_hoped_for_beyond_the_best_there_can_be():
    """Losses lie around what is expected, so that a large design might do better than one without any loss, were there
    such a thing; the other one left costs more than one that is better."""
    trained = np.array([0.31, np.nan, 0.3, 0.2, 0.0, 0.2, np.nan, 0.0])
    start = pool(trained, costs=np.array([1.0, 4.5, *COSTS[2:]]))
    assert promoted(start) == 6
    assert promoted(replace(start, least=0.0)) == 1


def test_without_a_start_half_of_what_is_lost_is_thought_to_be_won_back():
    """But nothing by the worst designs, of which there are six, and by the best; so the one between is trained."""
    losses = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.4, 0.1])
    assert promoted(replace(pool(losses=losses), start=0, least=0.0)) == 6


def test_without_costs_the_best_is_trained_first():
    assert promoted(pool(costs=np.empty((8, 0)))) == 7
