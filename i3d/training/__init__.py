"""Training runs: configuration, step, optimizer, checkpoints."""
