"""A search from its set-up to its outcome: workload, tables, trials, worker processes, optimality gap."""
