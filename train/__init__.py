"""Data sets, splits, augmentation, full models, fitting, evaluation. Runs on a workstation.

Imports `edge.contract` alone of ours, so that what it prepares is what the device prepares.
"""
