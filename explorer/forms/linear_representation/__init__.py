"""Linear representation of kernels: fit and trainable layer."""
