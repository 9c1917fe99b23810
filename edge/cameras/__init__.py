"""One file a camera; `base` holds what all of them promise. Simulators are product code."""
