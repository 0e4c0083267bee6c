"""A design as what runs: the packed file and its network, and the C program of a microcontroller."""
