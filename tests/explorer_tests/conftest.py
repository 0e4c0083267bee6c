import pytest
from torch import nn

from explorer.data import load_digits_dataset
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.trained_cache import trained


@pytest.fixture(scope="session")
def digits():
    return load_digits_dataset()


@pytest.fixture(scope="session")
def trained_digits(digits, once) -> tuple[nn.Module, object]:
    """The zoo's digits-cnn, trained in full once in a test run, and the record."""

    def train(folder):
        trained("digits-cnn", build("digits-cnn")[0], digits, progress=False)

    once("training", train)
    module, _ = build("digits-cnn")
    return module, trained("digits-cnn", module, digits, progress=False)


@pytest.fixture
def traced_digits(trained_digits):
    return trace(trained_digits[0], build("digits-cnn")[1], "digits-cnn")
