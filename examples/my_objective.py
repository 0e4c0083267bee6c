"""Objectives of your own for a search: what a design costs where it will run, and how steadily it answers.

filterfront search --objective examples/my_objective.py:update_ms --objective examples/my_objective.py:steadiness
"""

import torch

RADIO_BYTES_PER_SECOND = 20_000
BYTES_PER_BLOCK, BLOCK_MS = 4096, 45


def update_ms(design):
    """The time of an update over the air: bytes over the radio, then whole blocks of flash that are erased."""
    flash = design.figures["flash_bytes"]
    blocks = -(-flash // BYTES_PER_BLOCK)
    return 1000 * flash / RADIO_BYTES_PER_SECOND + blocks * BLOCK_MS


def steadiness(design, module):
    """The share of noisy images that are answered as without the noise."""
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(100, 1, 8, 8, generator=draw)
    noise = 0.1 * torch.randn(100, 1, 8, 8, generator=draw)
    return (module(images).argmax(1) == module(images + noise).argmax(1)).float().mean()


steadiness.direction = "maximize"
