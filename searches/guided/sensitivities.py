"""How sensitive the measured objective is to each variable, learned from the designs measured.

The loss of a design, on the scale of `searches.guided.loss_scale`, is taken as

    z = a + b log(c + sum over variables l of s_l prod over proxies k of e_lk^p_k)

with e the sensitivity proxies of the choices taken. b, c and s are positive; the logarithms of s_l have a normal prior
about equal variables. The sum inside, the predicted degradation, is additive, so designs of least degradation at every
cost are an exact front (`searches.guided.pool`).

The posterior's mode is found by the method of Levenberg and Marquardt [marquardt1963algorithm], with residuals beyond
two standard deviations counted linearly [huber1964robust]; its uncertainty is the Laplace approximation, a normal
distribution with the curvature at the mode [mackay1992practical].

References:
    [huber1964robust] P. J. Huber. Robust estimation of a location parameter. Annals of Mathematical Statistics 35(1),
        1964.
    [mackay1992practical] D. J. C. MacKay. A practical Bayesian framework for backpropagation networks. Neural
        Computation 4(3), 1992.
    [marquardt1963algorithm] D. W. Marquardt. An algorithm for least-squares estimation of nonlinear parameters. Journal
        of the Society for Industrial and Applied Mathematics 11(2), 1963.
"""

from dataclasses import dataclass

import numpy as np

from searches.guided.problem_tables import ProblemTables

__all__ = ["Sensitivities", "choice_degradations", "fit_sensitivities", "prior"]

PRIOR_NOISE = 0.6
"""Standard deviation of z around the model, and the number of observations that this estimate is worth."""
PRIOR_NOISE_WEIGHT = 4.0

BEND = 2.0
"""Standard deviations up to which a residual counts by its square."""

MOST_STEPS = 30
LEAST_GAIN = 1e-6
FIRST_DAMPING, MOST_DAMPING = 1e-2, 1e6
LESS_DAMPING, MORE_DAMPING = 5, 4
"""What the damping is divided by after a step that was taken, and multiplied by after one that was not."""


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
        """Mean of z, and its variance by what is not known of theta.

        Args:
            tables: the variables.
            designs: indices of choices, shape (designs, variables).

        Returns:
            Two arrays of shape (designs,).
        """
        mean, slopes = _forward(self.theta, _features(tables, designs))
        return mean, np.einsum("ij,jk,ik->i", slopes, self.covariance, slopes)


def prior(tables: ProblemTables) -> Sensitivities:
    """What is assumed before anything is measured."""
    variables, proxies = len(tables.variables), tables.proxy_count
    mean = np.r_[0.0, 0.4, -3.0, np.full(proxies, 0.8 / proxies), np.full(variables, -np.log(variables))]
    spread = np.r_[2.0, 0.5, 1.5, np.full(proxies, 0.25), np.full(variables, 1.0)]
    return Sensitivities(mean, np.diag(spread**2), PRIOR_NOISE)


def choice_degradations(theta: np.ndarray, tables: ProblemTables) -> list[np.ndarray]:
    """The predicted degradation by every choice alone: s_l prod over k of e_lk^p_k.

    Returns:
        For each variable an array of shape (choices,); a design's degradation is the sum over its choices.
    """
    proxies = tables.proxy_count
    powers, logs = theta[3 : 3 + proxies], theta[3 + proxies :]
    return [np.exp(log + variable.log_proxies @ powers) for variable, log in zip(tables.variables, logs, strict=True)]


def fit_sensitivities(tables: ProblemTables, designs: np.ndarray, z: np.ndarray, weights: np.ndarray) -> Sensitivities:
    """The model of these observations.

    Args:
        tables: the variables.
        designs: indices of choices, shape (observations, variables).
        z: the scaled losses, shape (observations,).
        weights: of the observations, shape (observations,).
    """
    posterior = _Posterior(prior(tables), _features(tables, designs), z, weights)
    theta, damping, value = posterior.start.theta, FIRST_DAMPING, np.inf
    for _ in range(MOST_STEPS):
        now = posterior.value(theta)
        if value - now < LEAST_GAIN * max(1.0, now) and np.isfinite(value):
            break
        value = now
        gradient, curvature = posterior.slope(theta)
        # Steps along the damped curvature, with more damping until one makes the value less.
        while damping < MOST_DAMPING:
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
            if posterior.value(theta - step) < value:
                theta, damping = theta - step, damping / LESS_DAMPING
                break
            damping *= MORE_DAMPING
        else:
            break
    _, curvature = posterior.slope(theta)
    misses = np.clip(posterior.predicted(theta) - z, -1.5, 1.5)
    squares = weights @ np.square(misses) + PRIOR_NOISE_WEIGHT * PRIOR_NOISE**2
    noise = float(np.sqrt(squares / (weights.sum() + PRIOR_NOISE_WEIGHT)))
    return Sensitivities(theta, np.linalg.inv(curvature), noise)


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The negative logarithm of the posterior density of theta, but for a constant."""

    start: Sensitivities
    features: np.ndarray
    z: np.ndarray
    weights: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """Of the prior."""
        return np.diag(1 / np.diag(self.start.covariance))

    def predicted(self, theta: np.ndarray) -> np.ndarray:
        """z of the observed designs."""
        return _forward(theta, self.features)[0]

    def value(self, theta: np.ndarray) -> float:
        """The robust loss of the residuals, in standard deviations, and the distance from the prior."""
        size = np.abs((self.predicted(theta) - self.z) * self.weights / PRIOR_NOISE)
        robust = np.where(size < BEND, size**2 / 2, BEND * size - BEND**2 / 2)
        offset = theta - self.start.theta
        return float(robust.sum() + offset @ self.precision @ offset / 2)

    def slope(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its gradient, and its curvature by the squares of first derivatives (Gauss-Newton)."""
        mean, slopes = _forward(theta, self.features)
        residual = (mean - self.z) * self.weights / PRIOR_NOISE
        scaled = slopes * (self.weights / PRIOR_NOISE)[:, None]
        robust = np.minimum(1.0, BEND / np.maximum(np.abs(residual), 1e-12))
        gradient = scaled.T @ (robust * residual) + self.precision @ (theta - self.start.theta)
        return gradient, (scaled * robust[:, None]).T @ scaled + self.precision


def _features(tables: ProblemTables, designs: np.ndarray) -> np.ndarray:
    """Logarithms of the proxies of the choices taken, shape (designs, variables, proxies)."""
    columns = [variable.log_proxies[designs[:, index]] for index, variable in enumerate(tables.variables)]
    return np.stack(columns, axis=1)


def _forward(theta: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z of designs and its derivatives with respect to theta, shape (designs, len(theta))."""
    proxies = features.shape[2]
    slope, floor = np.exp(theta[1:3])
    degradation = np.exp(np.minimum(theta[3 + proxies :] + features @ theta[3 : 3 + proxies], 100))
    total = floor + degradation.sum(axis=1)
    logs = np.log(total)
    share = degradation / total[:, None]
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
