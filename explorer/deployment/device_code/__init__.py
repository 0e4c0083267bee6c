"""A packed network as C: an integer twin that defines what is computed, the program, its memory, and its emulation."""
