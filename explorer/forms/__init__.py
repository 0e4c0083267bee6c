"""The compressed forms on the side of the network: a folder each, with its fit and its trainable layer."""
