"""Downloading public data sets: the catalogue, the transfer, unpacking. No images are read."""
