"""All that runs on the device: cameras, runtimes, field analysis, screening, records, commands.

Imports nothing of `train`, `compress` or `web_ui`, and starts without TensorFlow.
"""
