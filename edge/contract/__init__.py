"""What workstation and device share: labels, manifest, preprocessing, bundle, types, errors.

NumPy and OpenCV only. Whatever is decided here is decided once: training imports it.
"""
