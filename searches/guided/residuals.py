"""What the sensitivities get wrong about single choices: a Gaussian process over designs.

Its covariance is the mean likeness of the choices that two designs take, and for one half the fifth power of it: a sum
of one effect for each choice, and one that only designs close to each other share (Rasmussen & Williams, Gaussian
Processes for Machine Learning, 2006, sections 2.2 and 4.2.4).
"""

from dataclasses import dataclass

import numpy as np

from searches.guided.problem_tables import ProblemTables

__all__ = ["Residuals", "fit_residuals"]

NOISE_SHARE = 0.15
"""Of the variance around the model, what no choice explains."""

LOCAL_POWER = 5
MOST_OBSERVATIONS = 256


@dataclass(frozen=True, eq=False)
class Residuals:
    """A fitted process: the designs that it remembers, what solves their equations, and the variance."""

    designs: np.ndarray
    solved: np.ndarray
    inverse: np.ndarray
    variance: float

    def predict(self, tables: ProblemTables, designs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of z beyond the model, each of shape (designs,)."""
        cross = (1 - NOISE_SHARE) * self.variance * _likeness(tables, designs, self.designs)
        explained = np.einsum("ij,ij->i", cross @ self.inverse, cross)
        return cross @ self.solved, np.maximum((1 - NOISE_SHARE) * self.variance - explained, 0) + (
            NOISE_SHARE * self.variance
        )


def fit_residuals(
    tables: ProblemTables, designs: np.ndarray, residuals: np.ndarray, weights: np.ndarray, noise: float
) -> Residuals:
    """The process of these residuals, of shape (observations,), around a model with this standard deviation."""
    variance = noise**2
    covariance = (1 - NOISE_SHARE) * variance * _likeness(tables, designs, designs)
    inverse = np.linalg.inv(covariance + np.diag(NOISE_SHARE * variance / weights**2))
    return Residuals(designs, inverse @ residuals, inverse, variance)


def _likeness(tables: ProblemTables, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Covariance over variance, shape (first, second)."""
    mean = np.zeros((len(first), len(second)))
    for index, variable in enumerate(tables.variables):
        mean += variable.likeness[first[:, index]][:, second[:, index]]
    mean /= len(tables.variables)
    return (mean + mean**LOCAL_POWER) / 2
