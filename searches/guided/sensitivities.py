"""How much each variable's error harms a design, learned from the designs measured.

The harm y of a design, on the scale of `Scale`, is taken as

    z = a + b log(c + sum over variables l of s_l prod over proxies k of e_lk^p_k)

with e the errors of the choices taken. b, c and s are positive; logarithms of s_l have a normal prior about
equal variables. The sum inside is additive, so designs of least harm at every cost are an exact front
(`searches.guided.pool`).

Fitted by Levenberg-Marquardt on the posterior, with residuals beyond two standard deviations counted linearly (Huber,
Annals of Mathematical Statistics 1964); its uncertainty is the Laplace approximation (MacKay, Neural Computation 1992).
"""

from dataclasses import dataclass

import numpy as np

from searches.guided.problem_tables import ProblemTables

__all__ = ["Scale", "Sensitivities", "errors_of", "fit_sensitivities", "prior"]

PRIOR_NOISE = 0.6
"""Standard deviation of z around the model, and the number of observations that this guess is worth."""
PRIOR_NOISE_WEIGHT = 4.0

BEND = 2.0
"""Standard deviations up to which a residual counts by its square."""

EDGE = 0.01
"""Share of the range of harms that is left beyond the least and the greatest."""

WORST_WEIGHT = 0.5
"""Weight of designs as bad as the worst: how bad they are is not seen any more."""

MOST_STEPS = 30
LEAST_GAIN = 1e-6


@dataclass(frozen=True)
class Scale:
    """Harms between the best and the worst measured, on the logit scale."""

    best: float
    worst: float

    @classmethod
    def of(cls, harms: np.ndarray) -> "Scale":
        """The scale of these harms."""
        return cls(float(harms.min()), float(harms.max()))

    @property
    def edge(self) -> float:
        """What is left beyond both ends."""
        return EDGE * (self.worst - self.best) or 1.0

    def to(self, harms: np.ndarray) -> np.ndarray:
        """z of harms."""
        return np.asarray(np.log((harms - self.best + self.edge) / (self.worst - harms + self.edge)))

    def back(self, z: np.ndarray) -> np.ndarray:
        """Harms of z."""
        whole = self.worst - self.best + 2 * self.edge
        return np.asarray(self.best - self.edge + whole / (1 + np.exp(-np.clip(z, -50, 50))))

    def weights(self, harms: np.ndarray) -> np.ndarray:
        """Of observations."""
        return np.where(harms >= self.worst - 2 * self.edge, WORST_WEIGHT, 1.0)


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """A fitted model.

    Args:
        theta: a, log b, log c, p_k, log s_l.
        covariance: of theta.
        noise: standard deviation of z around it.
    """

    theta: np.ndarray
    covariance: np.ndarray
    noise: float

    def sampled(self, generator: np.random.Generator) -> np.ndarray:
        """theta drawn from the posterior."""
        root = np.linalg.cholesky(self.covariance + 1e-9 * np.eye(len(self.theta)))
        return np.asarray(self.theta + root @ generator.standard_normal(len(self.theta)))

    def predict(self, tables: ProblemTables, designs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean of z, and its variance by what is not known of theta, each of shape (designs,)."""
        mean, slopes = _forward(self.theta, _features(tables, designs))
        return mean, np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes)


def prior(tables: ProblemTables) -> Sensitivities:
    """What is assumed before anything is measured."""
    variables, proxies = len(tables.variables), tables.variables[0].logs.shape[1]
    mean = np.r_[0.0, 0.4, -3.0, np.full(proxies, 0.8 / proxies), np.full(variables, -np.log(variables))]
    spread = np.r_[2.0, 0.5, 1.5, np.full(proxies, 0.25), np.full(variables, 1.0)]
    return Sensitivities(mean, np.diag(spread**2), PRIOR_NOISE)


def errors_of(theta: np.ndarray, tables: ProblemTables) -> list[np.ndarray]:
    """The harm of every choice by itself, for each variable of shape (choices,)."""
    proxies = tables.variables[0].logs.shape[1]
    powers, logs = theta[3 : 3 + proxies], theta[3 + proxies :]
    return [np.exp(log + variable.logs @ powers) for variable, log in zip(tables.variables, logs, strict=True)]


def fit_sensitivities(tables: ProblemTables, designs: np.ndarray, z: np.ndarray, weights: np.ndarray) -> Sensitivities:
    """The model of these observations.

    Args:
        tables: the variables.
        designs: indices of choices, shape (observations, variables).
        z, weights: shape (observations,).
    """
    start = prior(tables)
    features, precision = _features(tables, designs), np.diag(1 / np.diag(start.covariance))
    theta, damping = start.theta, 1e-2
    value = np.inf
    for _ in range(MOST_STEPS):
        mean, slopes = _forward(theta, features)
        residual = (mean - z) * weights / PRIOR_NOISE
        now = _cost(residual, theta - start.theta, precision)
        if value - now < LEAST_GAIN * max(1.0, now) and np.isfinite(value):
            break
        value = now
        scaled = slopes * (weights / PRIOR_NOISE)[:, None]
        robust = np.minimum(1.0, BEND / np.maximum(np.abs(residual), 1e-12))
        gradient = scaled.T @ (robust * residual) + precision @ (theta - start.theta)
        curvature = (scaled * robust[:, None]).T @ scaled + precision
        while damping < 1e6:
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
            moved, _ = _forward(theta - step, features)
            if _cost((moved - z) * weights / PRIOR_NOISE, theta - step - start.theta, precision) < value:
                theta, damping = theta - step, damping / 5
                break
            damping *= 4
        else:
            break
    mean, slopes = _forward(theta, features)
    residual = (mean - z) * weights / PRIOR_NOISE
    robust = np.minimum(1.0, BEND / np.maximum(np.abs(residual), 1e-12))
    scaled = slopes * (weights / PRIOR_NOISE)[:, None]
    covariance = np.linalg.inv((scaled * robust[:, None]).T @ scaled + precision)
    squares = weights @ np.square(np.clip(mean - z, -1.5, 1.5)) + PRIOR_NOISE_WEIGHT * PRIOR_NOISE**2
    return Sensitivities(theta, covariance, float(np.sqrt(squares / (weights.sum() + PRIOR_NOISE_WEIGHT))))


def _features(tables: ProblemTables, designs: np.ndarray) -> np.ndarray:
    """Logarithms of the errors of the choices taken, shape (designs, variables, proxies)."""
    return np.stack([variable.logs[designs[:, index]] for index, variable in enumerate(tables.variables)], axis=1)


def _forward(theta: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z of designs and its derivatives with respect to theta, shape (designs, len(theta))."""
    proxies = features.shape[2]
    slope, floor = np.exp(theta[1:3])
    harm = np.exp(np.minimum(theta[3 + proxies :] + features @ theta[3 : 3 + proxies], 100))
    total = floor + harm.sum(axis=1)
    logs = np.log(total)
    share = harm / total[:, None]
    slopes = np.concatenate(
        [
            np.ones((len(total), 1)),
            (slope * logs)[:, None],
            (slope * floor / total)[:, None],
            slope * np.einsum("nl,nlk->nk", share, features),
            slope * share,
        ],
        axis=1,
    )
    return theta[0] + slope * logs, slopes


def _cost(residual: np.ndarray, offset: np.ndarray, precision: np.ndarray) -> float:
    size = np.abs(residual)
    robust = np.where(size < BEND, size**2 / 2, BEND * size - BEND**2 / 2)
    return float(robust.sum() + offset @ precision @ offset / 2)
