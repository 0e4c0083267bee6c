"""Fitted layers on disk, found again by the content that they were fitted to.

An entry is a file named after its key. It holds a SHA-256 over key and arrays, then the arrays as safetensors: a file
that is cut off, changed or renamed does not match, and is fitted again.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from costmodels.schemes import Scheme
from costmodels.shapes import ConvShape
from explorer.forms.fitted_layer import DATA_AWARE, DATA_FREE, FittedLayer
from explorer.forms.fitting import checked_weights, fit, fitted_layer
from explorer.forms.metric import Metric
from explorer.system.cache_folder import cache_folder
from reports.atomic_write import whole_file

__all__ = ["FITTING_VERSION", "FitCache", "fit_cached"]

FITTING_VERSION = 7
"""To be raised when a fitting method gives other arrays than before."""

DATA_AWARE_VERSION = 2
"""To be raised when a fit in a metric gives other arrays than before, and one without does not."""

DIGEST_BYTES = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitCache:
    """Fitted layers under ``folder``, which is made when the first one is kept.

    A folder that cannot be written costs time and no result: a warning is logged and the layer is fitted each time.
    """

    folder: Path

    def fit(
        self,
        weights: np.ndarray,
        shape: ConvShape,
        scheme: Scheme,
        seed: int = 0,
        codebook: np.ndarray | None = None,
        metric: Metric | None = None,
        start: FittedLayer | None = None,
    ) -> FittedLayer:
        """As `explorer.forms.fitting.fit`, which is called where there is no sound entry."""
        scheme.check(shape)
        weights = checked_weights(weights, shape)
        key = _key(weights, shape, scheme, seed, codebook, metric)
        arrays = self._read(key)
        if arrays is not None:
            return fitted_layer(weights, shape, scheme, arrays, DATA_FREE if metric is None else DATA_AWARE)
        fitted = fit(weights, shape, scheme, seed, codebook, metric, start)
        self._write(key, safetensors.numpy.save(dict(fitted.arrays)))
        return fitted

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.fit"

    def _read(self, key: str) -> dict[str, np.ndarray] | None:
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("cannot read %s (%s): fitted again", path, error)
            return None
        digest, stored = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if digest != _digest(key, stored):
            _log.warning("%s is damaged: fitted again", path)
            return None
        return safetensors.numpy.load(stored)

    def _write(self, key: str, stored: bytes) -> None:
        path = self._path(key)
        try:
            with whole_file(path, durable=False) as unfinished:
                unfinished.write_bytes(_digest(key, stored) + stored)
        except OSError as error:
            _log.warning("cannot keep %s (%s)", path, error)


def fit_cached(
    weights: np.ndarray, shape: ConvShape, scheme: Scheme, seed: int = 0, codebook: np.ndarray | None = None
) -> FittedLayer:
    """As `explorer.forms.fitting.fit`, through the `FitCache` in filterfront's cache folder."""
    return FitCache(cache_folder() / "fits").fit(weights, shape, scheme, seed, codebook)


def _digest(key: str, stored: bytes) -> bytes:
    return hashlib.sha256(key.encode() + stored).digest()


def _key(
    weights: np.ndarray,
    shape: ConvShape,
    scheme: Scheme,
    seed: int,
    codebook: np.ndarray | None,
    metric: Metric | None,
) -> str:
    """Of a layer's shape only what fitting reads: layers that differ in stride or input size share an entry."""
    layer = f"{FITTING_VERSION} {shape.weight_shape} {shape.groups} {scheme} {seed}"
    shared = "" if codebook is None else f" {codebook.shape} {codebook.dtype}"
    aware = "" if metric is None else f" {DATA_AWARE_VERSION} {metric.digest}"
    content = hashlib.sha256(f"{layer}{shared}{aware}\n".encode())
    content.update(weights.tobytes())
    if codebook is not None:
        content.update(codebook.tobytes())
    return content.hexdigest()
