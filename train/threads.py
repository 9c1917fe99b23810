"""How many threads a fit computes with, which is part of its numbers.

TensorFlow cuts sums and convolutions into as many pieces as it has threads, so the same fit with
another number of them ends in other last bits, and after many steps in other weights.
"""

from __future__ import annotations


def limit_threads(cpus: int) -> None:
    """Computes with so many threads from now on; before TensorFlow has computed anything."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(cpus)
    tf.config.threading.set_inter_op_parallelism_threads(cpus)
