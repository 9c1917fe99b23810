"""The heads that networks share: a class activation map whose mean is the logit, or a dense one."""

from __future__ import annotations

from typing import Any


def cam_head(features: Any, n_outputs: int, dropout: float = 0.0) -> dict[str, Any]:
    """`logit` (N,n_outputs) and `cam` (N,h,w,n_outputs), both float32, from (N,h,w,C) features.

    The map (Zhou 2016, arXiv:1512.04150) comes before the pooling, so one pass gives both and the
    logit is exactly the map's mean. Whole channels are dropped, as dropout after pooling would.
    """
    from tf_keras import layers

    if dropout:
        features = layers.SpatialDropout2D(dropout, name="head_dropout")(features)
    cam = layers.Conv2D(n_outputs, 1, dtype="float32", name="cam")(features)
    return {"logit": layers.GlobalAveragePooling2D(dtype="float32", name="logit")(cam), "cam": cam}


def dense_logit(features: Any, n_outputs: int, dropout: float = 0.0) -> dict[str, Any]:
    """`logit` (N,n_outputs) float32 from (N,C) features, where there is no map to average."""
    from tf_keras import layers

    if dropout:
        features = layers.Dropout(dropout, name="head_dropout")(features)
    return {"logit": layers.Dense(n_outputs, dtype="float32", name="logit")(features)}
