"""Enhancers through the lab: INT8 files of one tile's size, parity by PSNR, speed, the bundle."""
