"""Whole fields through the device's own path, measured with the networks of the folds."""
