"""Latency of this machine's kernels: the micro-benchmark, its calibration kept by machine, and its judgement."""
