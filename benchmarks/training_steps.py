"""Steps of training ResNet-20 in batches of 128, by threads and layout: ``python benchmarks/training_steps.py``."""

import statistics
import time

import torch
from torch.nn import functional

from explorer.networks.zoo import build

BATCH, STEPS = 128, 12


def images_per_second(threads: int, layout: torch.memory_format) -> float:
    """Of the median step, on random images."""
    torch.set_num_threads(threads)
    module = build("resnet20-cifar")[0].train().to(memory_format=layout)
    inputs = torch.randn(BATCH, 3, 32, 32).to(memory_format=layout)
    labels = torch.randint(0, 10, (BATCH,))
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    seconds = []
    for _ in range(STEPS):
        start = time.perf_counter()
        loss = functional.cross_entropy(module(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return BATCH / statistics.median(seconds)


def main() -> None:
    slowest = None
    for threads in (1, 2):
        for layout in (torch.contiguous_format, torch.channels_last):
            speed = images_per_second(threads, layout)
            slowest = slowest or speed
            print(f"{threads} threads, {layout}: {speed:.0f} images/s, {speed / slowest:.2f} times the first")


if __name__ == "__main__":
    main()
