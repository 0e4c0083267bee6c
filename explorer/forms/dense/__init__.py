"""Dense weights: fit and trainable layer."""
