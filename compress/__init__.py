"""From a fitted model to a bundle: quantise, compare with the float parent, pack."""
