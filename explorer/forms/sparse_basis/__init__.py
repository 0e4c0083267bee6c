"""Sparse linear combinations of a quantized basis: fit and trainable layer."""
