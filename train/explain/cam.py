"""Maps from the last convolutional features: Grad-CAM, and the network's own activation map."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import F32Array
from train.explain.network import Network


def grad_cam(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """Grad-CAM (Selvaraju 2017, arXiv:1610.02391), (N,H,W) float32, at least 0.

    Channels of the last feature map, weighed by the mean gradient of the target's logit; what
    speaks against the class is cut off.
    """
    features, gradients = network.feature_gradients(images, targets)
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return enlarged(np.maximum((features * weights).sum(axis=3), 0), images.shape[1:3])


def own_cam(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """The network's class activation map (Zhou 2016, arXiv:1512.04150), (N,H,W) float32, signed."""
    return enlarged(network.class_activation(images, targets), images.shape[1:3])


def enlarged(maps: F32Array, size: tuple[int, int]) -> F32Array:
    """(N,h,w) maps as (N,H,W), bilinear, so that no value beyond those of the map appears."""
    width_height = (size[1], size[0])
    resized = [
        cv2.resize(np.ascontiguousarray(one), width_height, interpolation=cv2.INTER_LINEAR)
        for one in maps
    ]
    return np.stack(resized).astype(np.float32)
