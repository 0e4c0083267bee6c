"""What the sensitivities get wrong about single choices: a Gaussian process over designs.

Its covariance is the mean similarity of the choices that two designs take, and for one half the fifth power of it: a
sum of one effect for each choice, and one that only designs close to each other share ([rasmussen2006gaussian],
sections 2.2 and 4.2.4).

References:
    [rasmussen2006gaussian] C. E. Rasmussen & C. K. I. Williams. Gaussian Processes for Machine Learning. MIT Press,
        2006.
"""

from dataclasses import dataclass

import numpy as np

from searches.guided.problem_tables import ProblemTables

__all__ = ["MOST_OBSERVATIONS", "Residuals", "fit_residuals"]

NOISE_SHARE = 0.15
"""Of the variance around the model, what no choice explains."""

LOCAL_POWER = 5
MOST_OBSERVATIONS = 256


@dataclass(frozen=True, eq=False)
class Residuals:
    """A fitted process.

    Args:
        designs: that it remembers, shape (observations, variables).
        solved: the inverse covariance times the residuals, shape (observations,).
        inverse: of their covariance, shape (observations, observations).
        variance: around the model.
    """

    designs: np.ndarray
    solved: np.ndarray
    inverse: np.ndarray
    variance: float

    def predict(self, tables: ProblemTables, designs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of z beyond the model.

        Args:
            tables: the variables.
            designs: indices of choices, shape (designs, variables).

        Returns:
            Two arrays of shape (designs,).
        """
        cross = (1 - NOISE_SHARE) * self.variance * _covariance(tables, designs, self.designs)
        explained = np.einsum("ij,ij->i", cross @ self.inverse, cross)
        remaining = np.maximum((1 - NOISE_SHARE) * self.variance - explained, 0)
        return cross @ self.solved, remaining + NOISE_SHARE * self.variance


def fit_residuals(
    tables: ProblemTables, designs: np.ndarray, residuals: np.ndarray, weights: np.ndarray, noise: float
) -> Residuals:
    """The process of these residuals.

    Args:
        tables: the variables.
        designs: observed, shape (observations, variables).
        residuals: z beyond the model, shape (observations,).
        weights: of the observations, shape (observations,).
        noise: the standard deviation of z around the model.
    """
    variance = noise**2
    covariance = (1 - NOISE_SHARE) * variance * _covariance(tables, designs, designs)
    inverse = np.linalg.inv(covariance + np.diag(NOISE_SHARE * variance / weights**2))
    return Residuals(designs, inverse @ residuals, inverse, variance)


def _covariance(tables: ProblemTables, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Covariance over variance, shape (first, second)."""
    mean = np.zeros((len(first), len(second)))
    for index, variable in enumerate(tables.variables):
        mean += variable.similarity[first[:, index]][:, second[:, index]]
    mean /= len(tables.variables)
    return (mean + mean**LOCAL_POWER) / 2
