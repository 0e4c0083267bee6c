"""What the counted plain loops are made of."""
