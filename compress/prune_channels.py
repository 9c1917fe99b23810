"""Structured pruning: whole channels of a plain network are cut, and what is left is dense.

A network without branches is cut in one pass: a convolution loses an output channel, its batch norm
an entry, and the next convolution an input channel. What a cut channel gave on average goes into
the next batch norm's mean, so that a channel which was constant leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.channel_chain import Chain, read_chain
from edge.contract.errors import ConfigError, DataError
from edge.contract.preprocess import Preprocessing
from edge.contract.types import F64Array
from train.models import build_model
from train.models.start_weights import RUN_WEIGHTS
from train.recipe_parts import ModelSpec

# Convolution kernels of INT8 work on blocks of output channels; a width between two blocks costs as
# much time as the larger one.
CHANNEL_STEP = 4
_NODES = 64


@dataclass(frozen=True, eq=False)
class Importance:
    """What each channel of one convolution gives to the next layer.

    Attributes:
        share: (C,) at least 0; the layer's L2 norm is 1, so that layers can be compared.
        mean: (C,) average activation, which the next layer takes over when the channel is cut.
    """

    share: F64Array
    mean: F64Array


def rank_channels(model: Any) -> tuple[Importance, ...]:
    """Importance of every channel, one entry a convolution; needs no data.

    A channel counts as much as its activation varies, times the norm of the weights that read it,
    these scaled as the batch norm after them scales. Batch norm's factor gamma tells how much it
    varies (Liu 2017, arXiv:1708.06519): before the activation it is close to N(beta, gamma^2).

    Raises:
        DataError: the network has a branch, or a layer whose channels cannot be cut.
    """
    chain = read_chain(model)
    found = []
    for index, norm in enumerate(chain.norms):
        mean, spread = _activation(norm, chain.limits[index])
        value = spread * np.sqrt((_outgoing(chain, index) ** 2).sum(axis=(0, 1, 3)))
        # Normed by layer before layers are compared (Molchanov 2017, arXiv:1611.06440, 2.2).
        found.append(Importance(value / max(float(np.linalg.norm(value)), 1e-12), mean))
    return tuple(found)


def uniform_widths(widths: Sequence[int], keep: float) -> tuple[int, ...]:
    """The same share of each width, in whole steps of `CHANNEL_STEP`, at least one step.

    Raises:
        ConfigError: `keep` is not above 0 and at most 1.
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"share of channels to keep is {keep}; above 0, at most 1")
    return tuple(min(width, step_width(width * keep)) for width in widths)


def step_width(width: float) -> int:
    """The nearest multiple of `CHANNEL_STEP`, at least one."""
    return max(CHANNEL_STEP, CHANNEL_STEP * int(width / CHANNEL_STEP + 0.5))


def widths_for_budget(
    model: Any, *, max_bytes: int | None = None, max_macs: int | None = None
) -> tuple[int, ...]:
    """Widths within a budget: of all layers, the step of channels goes that is worth least.

    Worth is importance for each share of the budget that the step would save (Molchanov 2017,
    arXiv:1611.06440, eq. 8).

    Args:
        max_bytes: of the INT8 file, as `Chain.int8_bytes` estimates it.
        max_macs: multiply-accumulates of one image.

    Raises:
        ConfigError: no budget is given.
        DataError: `CHANNEL_STEP` channels in every layer are still over it; or as `rank_channels`.
    """
    if max_bytes is None and max_macs is None:
        raise ConfigError("no budget: give max_bytes, max_macs or both")
    chain = read_chain(model)
    worth = [np.sort(one.share**2) for one in rank_channels(model)]
    widths = chain.widths
    while (excess := _excess(chain, widths, max_bytes, max_macs)) > 0:
        options = [
            (_worth_of_step(worth[index], widths[index]) / (excess - left), index)
            for index in range(len(widths))
            if widths[index] > CHANNEL_STEP
            and (left := _excess(chain, _stepped(widths, index), max_bytes, max_macs)) < excess
        ]
        if not options:
            raise DataError(
                f"widths {list(widths)} still take {chain.int8_bytes(widths):,} bytes and "
                f"{chain.macs(widths):,} multiply-accumulates, over the budget of "
                f"{max_bytes or 'any'} bytes and {max_macs or 'any'}; raise it, or take a smaller "
                "input or larger strides"
            )
        widths = _stepped(widths, min(options)[1])
    return widths


def prune_channels(
    model: Any, spec: ModelSpec, keep: float | Sequence[int]
) -> tuple[Any, ModelSpec]:
    """A smaller network of the same kind with the channels that matter most.

    Args:
        model: the fitted network; it is left as it is.
        spec: what it was built from.
        keep: share of each layer's channels (above 0, at most 1), or the width of each layer.

    Returns:
        The smaller network and its spec, which starts from no weights file.

    Raises:
        ConfigError: `keep` is no share, or widths that the network has not.
        DataError: as `rank_channels`.
    """
    chain = read_chain(model)
    if chain.widths != spec.widths:
        raise DataError(
            f"network {model.name!r} has widths {list(chain.widths)} but its settings say "
            f"{list(spec.widths)}; give those it was built from"
        )
    widths = uniform_widths(spec.widths, keep) if isinstance(keep, int | float) else tuple(keep)
    _check_widths(widths, spec.widths)
    ranking = rank_channels(model)
    smaller = replace(spec, widths=widths, weights="")
    pruned = build_model(smaller, Preprocessing(model.input_shape[1]), chain.n_outputs)
    _copy(chain, read_chain(pruned), _kept(ranking, widths), ranking)
    return pruned, smaller


def write_start(model: Any, spec: ModelSpec, path: Path) -> dict[str, Any]:
    """Writes weights for a fit to start from.

    Args:
        path: ends in `.weights.h5`; its folder is made.

    Returns:
        Overrides for `train.recipe.load_recipe`: the widths, and this file as `model.weights`.

    Raises:
        ConfigError: another ending.
        DataError: the file cannot be written.
    """
    if not path.name.endswith(RUN_WEIGHTS):
        raise ConfigError(f"weights file is {path.name!r}; it must end in {RUN_WEIGHTS}")
    partial = path.with_name(f"partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save_weights(partial)
        partial.replace(path)
    # h5py raises RuntimeError where a file cannot be closed.
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path} cannot be written: {error}; free some space") from error
    return {"model.widths": list(spec.widths), "model.weights": str(path)}


def _activation(norm: Any, limit: float) -> tuple[F64Array, F64Array]:
    """Mean and standard deviation of clip(N(beta, gamma^2), 0, limit), (C,) each."""
    # Gauss-Hermite quadrature for a normal distribution (Abramowitz and Stegun 25.4.46).
    nodes, weights = np.polynomial.hermite.hermgauss(_NODES)
    weights = weights / weights.sum()
    gamma, beta = (np.asarray(v, np.float64)[:, None] for v in (norm.gamma, norm.beta))
    values = np.clip(beta + np.abs(gamma) * np.sqrt(2) * nodes, 0, limit)
    mean = values @ weights
    return mean, np.sqrt((values - mean[:, None]) ** 2 @ weights)


def _outgoing(chain: Chain, index: int) -> F64Array:
    """(k,k,C,O) weights that read layer `index`, as the batch norm after them scales them."""
    if index + 1 == len(chain.convolutions):
        return np.asarray(chain.cam.kernel, np.float64)
    norm = chain.norms[index + 1]
    scale = np.asarray(norm.gamma) / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
    kernel = np.asarray(chain.convolutions[index + 1].kernel, np.float64)
    return np.asarray(kernel * scale, np.float64)


def _excess(
    chain: Chain, widths: tuple[int, ...], max_bytes: int | None, max_macs: int | None
) -> float:
    """By what share of the budgets these widths exceed them; 0 within."""
    over = 0.0
    if max_bytes is not None:
        over += max(0.0, chain.int8_bytes(widths) / max_bytes - 1)
    if max_macs is not None:
        over += max(0.0, chain.macs(widths) / max_macs - 1)
    return over


def _stepped(widths: tuple[int, ...], index: int) -> tuple[int, ...]:
    """The widths with layer `index` one step narrower, on a multiple of the step."""
    narrower = (widths[index] - 1) // CHANNEL_STEP * CHANNEL_STEP
    return (*widths[:index], narrower, *widths[index + 1 :])


def _worth_of_step(sorted_worth: F64Array, width: int) -> float:
    """Summed worth of the channels that the next step of a layer would cut."""
    cut = len(sorted_worth) - width
    narrower = (width - 1) // CHANNEL_STEP * CHANNEL_STEP
    return float(sorted_worth[cut : len(sorted_worth) - narrower].sum())


def _check_widths(widths: tuple[int, ...], present: tuple[int, ...]) -> None:
    fits = len(widths) == len(present) and all(
        1 <= width <= had for width, had in zip(widths, present, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"widths to keep are {list(widths)}; the network has {list(present)}, and each layer "
            "keeps at least 1 and at most what it has"
        )


def _kept(ranking: Sequence[Importance], widths: Sequence[int]) -> list[np.ndarray]:
    """Indices of the channels that stay, ascending, one array a layer."""
    return [
        np.sort(np.argsort(-one.share, kind="stable")[:width])
        for one, width in zip(ranking, widths, strict=True)
    ]


def _copy(
    source: Chain, target: Chain, kept: list[np.ndarray], ranking: Sequence[Importance]
) -> None:
    """Sets the target's weights; constants of cut channels go into the next mean or bias."""
    read, lost = np.arange(source.convolutions[0].kernel.shape[2]), None
    for index, rows in enumerate(kept):
        kernel = np.asarray(source.convolutions[index].kernel)
        target.convolutions[index].kernel.assign(kernel[:, :, read][..., rows])
        shift = 0.0 if lost is None else lost @ kernel.sum(axis=(0, 1))
        _copy_norm(source.norms[index], target.norms[index], rows, shift)
        read = rows
        lost = ranking[index].mean.copy()
        lost[rows] = 0
    kernel = np.asarray(source.cam.kernel)
    target.cam.kernel.assign(kernel[:, :, read])
    target.cam.bias.assign(np.asarray(source.cam.bias) + lost @ kernel.sum(axis=(0, 1)))


def _copy_norm(source: Any, target: Any, rows: np.ndarray, shift: np.ndarray | float) -> None:
    # A constant input of the convolution shifts its output; the mean that is taken off shifts with
    # it (Ye 2018, arXiv:1802.00124, section 3.3).
    target.gamma.assign(np.asarray(source.gamma)[rows])
    target.beta.assign(np.asarray(source.beta)[rows])
    target.moving_mean.assign((np.asarray(source.moving_mean) - shift)[rows])
    target.moving_variance.assign(np.asarray(source.moving_variance)[rows])
