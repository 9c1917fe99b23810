"""Parts touching and overlapping cells: one seed a cell, and the cuts between them.

Works on a mask of what is stained; knows nothing of colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.contract.types import BoolArray, F32Array, F64Array, I32Array, U8Array

_SADDLE_SAMPLES = 9


@dataclass(frozen=True)
class SplitSettings:
    """When two peaks of the distance map are two cells. Lengths in cell diameters.

    Attributes:
        smoothing_diameters: Gaussian sigma on the distance map, against jagged outlines.
        spacing_diameters: nearest that two seeds may lie.
        lowest_peak_diameters: smallest inscribed radius of a seed beside a larger one.
        saddle_ratio: two seeds are one cell where the distance map between them never falls below
            this share of the lower peak. Equal discs whose centres are one radius apart have .87.
    """

    smoothing_diameters: float = 0.04
    spacing_diameters: float = 0.25
    lowest_peak_diameters: float = 0.2
    saddle_ratio: float = 0.92
    sliver_share: float = 0.4
    several_share: float = 1.6


@dataclass(frozen=True, eq=False)
class Seeds:
    """Centres of cells: (N,2) float64 x and y in px, (N,) inscribed radius in px."""

    xy_px: F64Array
    radius_px: F64Array


def find_seeds(mask: U8Array, diameter_px: float, settings: SplitSettings) -> Seeds:
    """One seed for each cell of a mask, (H,W) uint8 0 or 255."""
    distance = distance_map(mask)
    sigma = settings.smoothing_diameters * diameter_px
    smooth = cv2.GaussianBlur(distance, (0, 0), sigma) if sigma > 0.3 else distance
    reach = max(1, round(settings.spacing_diameters * diameter_px))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    peaks = (smooth >= cv2.dilate(smooth, kernel)) & (distance >= 1.0)
    return _keep_prominent(_peak_centres(peaks, distance), distance, diameter_px, settings)


def distance_map(mask: U8Array) -> F32Array:
    """Distance to the nearest pixel outside the mask, (H,W) float32 px."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    # Without any pixel outside, OpenCV gives the largest float.
    return np.asarray(np.minimum(distance, sum(mask.shape)), np.float32)


def _peak_centres(peaks: np.ndarray, distance: F32Array) -> Seeds:
    count, _, _, centres = cv2.connectedComponentsWithStats(peaks.astype(np.uint8))
    xy = np.asarray(centres[1:count], np.float64)
    columns, rows = np.rint(xy).astype(int).T if count > 1 else (np.zeros(0, int),) * 2
    return Seeds(xy, distance[rows, columns].astype(np.float64))


def _keep_prominent(
    seeds: Seeds, distance: F32Array, diameter_px: float, settings: SplitSettings
) -> Seeds:
    """Drops seeds that no clear waist parts from a higher one."""
    order = np.argsort(-seeds.radius_px, kind="stable")
    xy, radius = seeds.xy_px[order], seeds.radius_px[order]
    low, high = _near_pairs(xy, 1.2 * diameter_px)
    saddle = _saddles(distance, xy[low], xy[high])
    limit = np.where(
        radius[low] < settings.lowest_peak_diameters * diameter_px, 0.5, settings.saddle_ratio
    )
    joined = saddle >= limit * radius[low]
    keep = np.ones(len(xy), bool)
    for lower, higher in zip(low[joined], high[joined], strict=True):
        if keep[higher]:
            keep[lower] = False
    return Seeds(xy[keep], radius[keep])


def _near_pairs(xy: F64Array, reach_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (lower, higher) of indices within reach, ordered by the lower one."""
    apart = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    low, high = np.nonzero(np.tril(apart < reach_px, -1))
    return low, high


def _saddles(distance: F32Array, start: F64Array, end: F64Array) -> F64Array:
    """Lowest value of the distance map on the straight line of each pair."""
    steps = np.linspace(0.0, 1.0, _SADDLE_SAMPLES)[1:-1, None, None]
    points = np.rint(start[None] + steps * (end - start)[None]).astype(int)
    lowest = distance[points[..., 1], points[..., 0]].min(axis=0)
    return np.asarray(lowest, np.float64)


def cut_at_waists(mask: U8Array, seeds: Seeds) -> I32Array:
    """Labels each cell of a mask; each pixel goes to the nearest seed's disc.

    The border between two discs is then their common chord, as for two overlapping cells.

    Args:
        mask: (H,W) uint8, 0 or 255.
        seeds: at least one.

    Returns:
        (H,W) int32: 0 outside, else seed index + 1.
    """
    owner = np.zeros(mask.shape, np.int32)
    discs = np.full(mask.shape, 255, np.uint8)
    radii = np.maximum(1, np.floor(_disjoint_radii(seeds))).astype(int)
    centres = _pixels_of(seeds, mask.shape)
    for index, ((x, y), radius) in enumerate(zip(centres.tolist(), radii.tolist(), strict=True)):
        cv2.circle(owner, (x, y), radius, index + 1, cv2.FILLED)
        cv2.circle(discs, (x, y), radius, 0, cv2.FILLED)
    _, nearest = cv2.distanceTransformWithLabels(
        discs, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    inside = discs == 0
    owner_of = np.zeros(int(nearest.max()) + 1, np.int32)
    owner_of[nearest[inside]] = owner[inside]
    return np.where(mask > 0, owner_of[nearest], 0).astype(np.int32)


def _disjoint_radii(seeds: Seeds) -> F64Array:
    """The inscribed radii, shrunk in proportion so that no two discs overlap."""
    xy, radius = seeds.xy_px, seeds.radius_px
    apart = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    np.fill_diagonal(apart, np.inf)
    share = apart / np.maximum(radius[:, None] + radius[None, :], 1e-6)
    return np.asarray(radius * np.minimum(0.9, share.min(axis=1)), np.float64)


def revise_seeds(mask: U8Array, seeds: Seeds, diameter_px: float, settings: SplitSettings) -> Seeds:
    """Drops seeds that would get a sliver, puts several where one would get several cells' area.

    Args:
        mask: (H,W) uint8, 0 or 255; seen at half its size, which is exact enough for areas.
        seeds: at least one.
    """
    half = _scaled(seeds, 0.5)
    small = np.ascontiguousarray(mask[::2, ::2])
    labels = cut_at_waists(small, half)
    alone = _alone_in_component(small, half)
    return _scaled(_revised(labels, half, alone, diameter_px / 2, settings), 2.0)


def _scaled(seeds: Seeds, factor: float) -> Seeds:
    return Seeds(seeds.xy_px * factor, seeds.radius_px * factor)


def _revised(
    labels: I32Array, seeds: Seeds, alone: BoolArray, diameter_px: float, settings: SplitSettings
) -> Seeds:
    areas = np.bincount(labels.ravel(), minlength=len(seeds.radius_px) + 1)[1:]
    share = areas / (np.pi / 4 * diameter_px**2)
    keep = (share > settings.sliver_share) & (share < settings.several_share)
    keep |= (share <= settings.sliver_share) & alone
    xy, radius = [seeds.xy_px[keep]], [seeds.radius_px[keep]]
    for index in np.nonzero(share >= settings.several_share)[0].tolist():
        centres = _centres_within(labels, index + 1, seeds, diameter_px, float(share[index]))
        own = float(seeds.radius_px[index]) if len(centres) == 1 else 0.45 * diameter_px
        xy.append(centres)
        radius.append(np.full(len(centres), own))
    return Seeds(np.concatenate(xy), np.concatenate(radius))


def _alone_in_component(mask: U8Array, seeds: Seeds) -> BoolArray:
    """Which seeds share their connected component with no other: platelets beside a cell."""
    _, components = cv2.connectedComponents(mask)
    x, y = _pixels_of(seeds, mask.shape).T
    own = components[y, x]
    return np.asarray(np.bincount(own)[own] == 1, np.bool_)


def _pixels_of(seeds: Seeds, shape: tuple[int, ...]) -> npt.NDArray[np.int_]:
    """(N,2) int: the pixel, x and y, in which each seed lies."""
    limit = (shape[1] - 1, shape[0] - 1)
    return np.asarray(np.clip(np.rint(seeds.xy_px), 0, limit), np.int_)


def _centres_within(
    labels: I32Array, label: int, seeds: Seeds, diameter_px: float, share: float
) -> F64Array:
    """Centres of the cells that one large label holds; its own seed where it is one large cell."""
    x, y = seeds.xy_px[label - 1]
    reach = 1.2 * diameter_px * max(1.0, share / 2)
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    window = labels[top : int(y + reach) + 1, left : int(x + reach) + 1] == label
    rows, cols = np.nonzero(window)
    points = np.stack([cols + left, rows + top], axis=1).astype(np.float64)
    middle = points.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((points - middle).T))
    # Two equal discs D apart add D^2 / 4 to the variance along the line of their centres.
    apart = 2.0 * np.sqrt(max(0.0, float(spread[1] - spread[0])))
    count = round(share)
    if count <= 2:
        if apart < 0.35 * diameter_px:
            return seeds.xy_px[label - 1 : label]
        step = axes[:, 1] * apart / 2
        return np.asarray([middle - step, middle + step], np.float64)
    return _spread_centres(points, middle, axes[:, 1], count)


def _spread_centres(points: F64Array, middle: F64Array, axis: F64Array, count: int) -> F64Array:
    """k-means of the pixels of a clump, started at even shares along its long axis."""
    along = (points - middle) @ axis
    edges = np.quantile(along, np.linspace(0, 1, count + 1)[1:-1])
    start = np.searchsorted(edges, along).astype(np.int32)[:, None]
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0.0)
    _, _, centres = cv2.kmeans(
        points.astype(np.float32), count, start, criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS
    )
    return np.asarray(centres, np.float64)


def thin_cuts(labels: I32Array) -> U8Array:
    """The mask of the labels with a cut of one pixel where two of them meet, 0 or 255."""
    mask = (labels > 0).astype(np.uint8) * np.uint8(255)
    right = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    below = (labels[1:] != labels[:-1]) & (labels[1:] > 0) & (labels[:-1] > 0)
    mask[:, 1:][right] = 0
    mask[1:][below] = 0
    return mask
