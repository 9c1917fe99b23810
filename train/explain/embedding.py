"""Maps of the embedding: penultimate features laid out in two dimensions."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array

_NEIGHBOURS = 15
_PERPLEXITY = 30.0
FEWEST = 10


def t_sne(features: F32Array, seed: int) -> F32Array:
    """t-SNE (van der Maaten 2008) of (N,C) features, (N,2) float32."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    # Threads would add up in another order each time, and wait for each other on a busy machine.
    with threadpool_limits(1):
        return np.asarray(layout.fit_transform(_standardised(features)), np.float32)


def umap(features: F32Array, seed: int) -> F32Array:
    """UMAP (McInnes 2018, arXiv:1802.03426) of (N,C) features, (N,2) float32."""
    with warnings.catch_warnings():
        # Numba, compiling, warns of the package's own code.
        warnings.simplefilter("ignore")
        from umap import UMAP

        neighbours = min(_NEIGHBOURS, len(features) - 1)
        # One thread and a seed: two runs give the same map.
        layout = UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
        return np.asarray(layout.fit_transform(_standardised(features)), np.float32)


LAYOUTS: dict[str, Callable[[F32Array, int], F32Array]] = {"t-sne": t_sne, "umap": umap}


def layout(name: str, features: F32Array, seed: int) -> F32Array:
    """The named layout of (N,C) features, (N,2) float32.

    Raises:
        ConfigError: no such layout, or too few examples for one.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"embedding is {name!r}; known: {', '.join(LAYOUTS)}")
    if len(features) < FEWEST:
        raise ConfigError(f"{len(features)} held-out examples; an embedding map needs {FEWEST}")
    return LAYOUTS[name](features, seed)


def neighbour_agreement(features: F32Array, truth: np.ndarray) -> float:
    """Share of the nearest neighbours, in the features themselves, that have the same class.

    The maps bend distances; this figure does not depend on them.
    """
    from sklearn.neighbors import NearestNeighbors

    n_neighbours = min(_NEIGHBOURS, len(features) - 1)
    found = NearestNeighbors(n_neighbors=n_neighbours).fit(_standardised(features))
    near = found.kneighbors(return_distance=False)
    return float((truth[near] == truth[:, None]).mean())


def _standardised(features: F32Array) -> F32Array:
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)
