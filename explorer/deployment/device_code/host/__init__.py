"""Networks on a processor with wide vectors: what an exported program has for it, and the compiled library."""
