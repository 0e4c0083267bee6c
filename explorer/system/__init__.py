"""What concerns the machine and not the field: cache folder, files under a checksum, a user's callables, signals,
threads."""
