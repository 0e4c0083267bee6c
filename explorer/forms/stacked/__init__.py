"""Stacked low-dimensional filters: fit and trainable layer."""
