"""What the compiled kernels are made of: bit planes, banks, windows, streams read as they are stored."""
