"""Pruned weights: fit and trainable layer."""
