"""Time of training digits-cnn and of one measured design: ``python benchmarks/training_and_measurement.py [seed]``."""

import statistics
import sys
import time

import torch

from explorer.data import load_digits_dataset
from explorer.measurement.quality_meter import QualityMeter
from explorer.networks.trace import trace
from explorer.networks.zoo import build
from explorer.training.train import train


def main() -> None:
    digits = load_digits_dataset()
    module, example = build("digits-cnn")
    record = train(module, digits, seed=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"{torch.get_num_threads()} threads; trained in {record.seconds:.1f} s")
    print(f"accuracy: validation {record.validation_accuracy:.2%}, test {record.test_accuracy:.2%}")
    traced = trace(module, example, "digits-cnn")
    for bits in (32, 8, 4):
        start = time.perf_counter()
        meter = QualityMeter(traced, digits, bits)
        set_up_seconds = time.perf_counter() - start
        seconds = []
        for _ in range(30):
            start = time.perf_counter()
            quality = meter.measure(traced.weights)
            seconds.append(time.perf_counter() - start)
        print(
            f"{bits:2} activation bits: set up in {set_up_seconds:.2f} s; {quality.samples} images in a median of "
            f"{statistics.median(seconds) * 1e3:.1f} ms, at best {min(seconds) * 1e3:.1f} ms; loss {quality.loss:.4f}"
        )


if __name__ == "__main__":
    main()
