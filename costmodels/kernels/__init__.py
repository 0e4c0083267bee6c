"""Layers as they lie in memory and as they run: the bit layout, and every execution in plain loops that define it."""
