"""The parts of data by name."""

__all__ = ["PARTS"]

PARTS = ("train", "validation", "test")
