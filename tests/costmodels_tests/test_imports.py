"""The formulas load numpy and the standard library only; the twin shows that this test can fail."""

import subprocess
import sys

import pytest

HEAVY = ("fvcore", "matplotlib", "numba", "optuna", "pandas", "scipy", "sklearn", "torch")
LOAD_ALL = """
import importlib, pathlib, sys, costmodels
root = pathlib.Path(costmodels.__path__[0])
for path in root.rglob("*.py"):  # walking the packages would import those that are left out
    module = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
    if not module.startswith(("costmodels.kernels", "costmodels.validation")):
        importlib.import_module(module)
assert "costmodels.schemes.stacked" in sys.modules
"""


def loaded_by(code):
    """The heavy packages that are loaded once a fresh interpreter has run ``code``."""
    report = f"{code}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("code", ["import costmodels", LOAD_ALL], ids=["package", "every module"])
def test_the_formulas_load_nothing_heavy(code):
    assert loaded_by(code) == []


def test_a_heavy_import_would_be_seen():
    assert "scipy" in loaded_by("import costmodels, scipy")
