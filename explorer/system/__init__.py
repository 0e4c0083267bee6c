"""What concerns the machine and not the field: cache folder, whole files, a user's callables, signals, threads."""
