"""What designs are expected to gain: the objectives known beforehand as they are, the measured one as it is learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from searches.guided.feasibility import probability_feasible
from searches.guided.gain import expected_gain
from searches.guided.gain_scale import GainScale, known_scale, loss_scale
from searches.guided.history import History
from searches.guided.measured_front import crowds, finite_losses, known_objectives, measured_front
from searches.guided.observed import Observed, observed
from searches.guided.problem_tables import ProblemTables
from searches.guided.residuals import MOST_OBSERVATIONS, fit_residuals
from searches.guided.sensitivities import Sensitivities, fit_sensitivities, prior

__all__ = ["Learned", "by_expected_gain", "learn"]

SHORTLIST = 1500
"""Designs that are looked at with all that is known of single choices."""

MOST_RESIDUAL = 2.0


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of the measured objective.

    Args:
        model: of it; the prior without a measured objective.
        seen: what it was learned from; None without a measured objective.
    """

    model: Sensitivities
    seen: Observed | None


@dataclass(frozen=True, eq=False)
class _Prediction:
    """Normal variables behind the uncertain objective, and what makes losses of them."""

    mean: np.ndarray
    deviation: np.ndarray
    seen: Observed | None
    least: float
    scale: GainScale

    def taking(self, keep: slice) -> "_Prediction":
        """Of these designs alone."""
        return replace(self, mean=self.mean[keep], deviation=self.deviation[keep])

    def back(self, z: np.ndarray) -> np.ndarray:
        """Losses, none below the least that there can be."""
        return z if self.seen is None else np.maximum(self.seen.back(z), self.least)

    def outcomes(self, z: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Losses as gains count, with what they are measured to be around them."""
        if self.seen is None or self.seen.around is None:
            yield 1.0, self.scale.to(self.back(z))
            return
        for probability, losses in self.seen.around.outcomes(z):
            yield probability, self.scale.to(np.maximum(losses, self.least))


def learn(tables: ProblemTables, history: History) -> Learned:
    """The model of all that is measured."""
    if tables.measured is None:
        return Learned(prior(tables), None)
    seen = observed(history, finite_losses(history, tables.measured))
    return Learned(fit_sensitivities(tables, history.designs, seen.z, seen.weights), seen)


def by_expected_gain(
    tables: ProblemTables,
    history: History,
    learned: Learned,
    designs: np.ndarray,
    pending: Sequence[tuple[int, ...]],
) -> np.ndarray:
    """The designs, those of greatest expected gain first; of a measured objective the shortlist alone.

    Args:
        tables: the variables.
        history: what is measured.
        learned: from it.
        designs: indices of choices, shape (designs, variables).
        pending: designs that are taken to turn out as predicted.
    """
    # Where all objectives are known, the last of them takes the place of the uncertain one.
    uncertain = len(tables.objectives) - 1 if tables.measured is None else tables.measured
    rows = np.array(pending, dtype=np.int64).reshape(len(pending), len(tables.variables))
    scale = _scale(tables, history, learned, uncertain)
    both = _predict(tables, history, learned, np.concatenate([designs, rows]), uncertain, scale)
    front = measured_front(tables, history, uncertain, scale, rows, both.back(both.mean[len(designs) :]))
    known, probability = known_objectives(tables, designs, uncertain), probability_feasible(tables, history, designs)
    found = both.taking(slice(len(designs)))
    gains = probability * expected_gain(front, known, found.mean, found.deviation, found.outcomes)
    if learned.seen is not None:
        short = np.argsort(-gains, kind="stable")[:SHORTLIST]
        designs, known, probability = designs[short], known[short], probability[short]
        found = _refined(tables, history, learned.model, learned.seen, designs, rows, scale)
        gains = probability * expected_gain(front, known, found.mean, found.deviation, found.outcomes)
        gains = gains / np.sqrt(1 + crowds(tables, np.concatenate([history.designs, rows]), known, uncertain))
    return designs[np.argsort(-gains, kind="stable")]


def _scale(tables: ProblemTables, history: History, learned: Learned, uncertain: int) -> GainScale:
    """On which gains count in the uncertain objective."""
    name, seen = tables.objectives[uncertain], learned.seen
    if name is not None:
        return known_scale(tables, name)
    at_best = np.zeros(1) if seen is None or seen.around is None else seen.around.spread(seen.z.min(keepdims=True))
    return loss_scale(finite_losses(history, uncertain), float(at_best[0]))


def _predict(
    tables: ProblemTables,
    history: History,
    learned: Learned,
    designs: np.ndarray,
    uncertain: int,
    scale: GainScale,
) -> _Prediction:
    """By the sensitivities alone; a known objective is predicted as it is."""
    model, seen = learned.model, learned.seen
    if seen is None:
        values = tables.figure(str(tables.objectives[uncertain]), designs)
        return _Prediction(values, np.zeros(len(designs)), None, history.least, scale)
    mean, variance = model.predict(tables, designs)
    return _Prediction(mean, np.sqrt(variance + model.noise**2), seen, history.least, scale)


def _refined(
    tables: ProblemTables,
    history: History,
    model: Sensitivities,
    seen: Observed,
    designs: np.ndarray,
    pending: np.ndarray,
    scale: GainScale,
) -> _Prediction:
    """With what the sensitivities got wrong about single choices; pending designs make similar ones less uncertain."""
    near = _best_measured(history)
    rows, weights = history.designs[near], seen.weights[near]
    mean, _ = model.predict(tables, rows)
    residuals = np.clip(seen.z[near] - mean, -MOST_RESIDUAL, MOST_RESIDUAL)
    process = fit_residuals(tables, rows, residuals, weights, model.noise)
    if len(pending):
        believed, _ = process.predict(tables, pending)
        rows, residuals = np.concatenate([rows, pending]), np.concatenate([residuals, believed])
        process = fit_residuals(tables, rows, residuals, np.append(weights, np.ones(len(pending))), model.noise)
    mean, _ = model.predict(tables, designs)
    beyond, variance = process.predict(tables, designs)
    return _Prediction(mean + beyond, np.sqrt(variance), seen, history.least, scale)


def _best_measured(history: History) -> np.ndarray:
    """The measured designs to remember one by one: all, or those that fewest others dominate."""
    if len(history.designs) <= MOST_OBSERVATIONS:
        return np.arange(len(history.designs))
    losses = history.losses
    dominating = (losses[:, None] <= losses[None]).all(axis=2).sum(axis=0)
    return np.sort(np.argsort(dominating, kind="stable")[:MOST_OBSERVATIONS])
