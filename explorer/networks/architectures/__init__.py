"""The networks of the zoo, one family per file, as plain PyTorch modules."""
