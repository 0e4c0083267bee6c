"""The formulas checked: against packed bytes, counted loops, other counters of torch operations, published figures."""
