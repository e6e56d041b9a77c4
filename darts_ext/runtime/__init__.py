"""What every stage writes with: errors, files, checkpoints, seeds, progress."""
