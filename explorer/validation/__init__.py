"""What ``filterfront validate`` runs: kernels against torch, other counters, judged times."""
