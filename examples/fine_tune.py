"""Fine-tunes one design of the demo's network: python examples/fine_tune.py [EPOCHS], 20 by default.

Accuracies are measured on the test part of scikit-learn's digits with 8-bit activations.
"""

import sys
from pathlib import Path

from costmodels import Dense, LinearRepresentation, SparseBasis, StackedBinary, network_cost
from explorer.data import load_digits_dataset
from explorer.finetuning.fine_tune import fine_tune
from explorer.forms.fit_cache import fit_cached
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.training.checkpoint import Checkpoint
from explorer.training.trained_cache import trained
from explorer.training.tuning_recipe import TuningRecipe

DESIGN = {
    "conv1": Dense(weight_bits=4),
    "conv2": LinearRepresentation(templates=16, coefficient_bits=4, template_bits=8),
    "conv3": StackedBinary(segment_channels=16, filters=24, scale="segment"),
    "conv4": SparseBasis(segment_channels=48, filters=24, basis_bits=1, density=0.25, coefficient_bits=4),
    "fc": Dense(weight_bits=8),
}

dataset = load_digits_dataset()
network, example = build("digits-cnn")
record = trained("digits-cnn", network, dataset)
traced = trace(network, example, "digits-cnn")
fits = {name: fit_cached(traced.weights[name], traced.spec.layer(name).shape, form) for name, form in DESIGN.items()}
recipe = TuningRecipe(epochs=int(sys.argv[1]) if len(sys.argv) > 1 else 20)
tuned = fine_tune(network, example, fits, dataset, recipe=recipe, checkpoint=Checkpoint(Path("fine_tune.pt")))
usages = {name: layer.usage for name, layer in tuned.layers.items()}
cost = network_cost(traced.spec, DESIGN, 8, usages)
print(f"{cost.compression_ratio:.1f}x smaller weights, {cost.flash_bytes:,} bytes of flash")
print(f"float {record.test_accuracy:.2%}, as fitted {tuned.before['test'].accuracy:.2%}, ", end="")
print(f"with new batch statistics {tuned.reestimated['test'].accuracy:.2%}, ", end="")
print(f"after {len(tuned.curve)} epochs {tuned.after['test'].accuracy:.2%}")
