"""The stain and light of one simulated slide, in optical density (Beer-Lambert: dyes add up)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.types import F32Array, F64Array

# Third word of the generator's seed, so that a slide's stain shares no draws with any field.
_STAIN_STREAM = 0x57A1

# Red cells and clear glass, RGB, as Giemsa slides of different buffers, ages and cameras show them:
# salmon, rose, tan, lilac, grey-blue, magenta. The textbook stain is the second.
_CELL_RGB = np.array(
    [
        [214, 146, 142],
        [205, 150, 156],
        [208, 165, 146],
        [170, 162, 196],
        [168, 178, 200],
        [196, 110, 160],
    ],
    np.float64,
)
_PAPER_RGB = np.array(
    [
        [240, 232, 222],
        [238, 234, 228],
        [240, 234, 218],
        [232, 234, 238],
        [228, 236, 236],
        [242, 232, 236],
    ],
    np.float64,
)
_TEXTBOOK = np.eye(len(_CELL_RGB))[1]

# Added density of each part at full strength: warm slides (eosin strong) to cool slides.
_CHROMATIN = np.array([[0.36, 1.65, 0.72], [0.26, 1.35, 0.24]])
_CYTOPLASM = np.array([[0.22, 0.42, 0.14], [0.26, 0.36, 0.06]])
_NUCLEUS = np.array([[0.66, 2.10, 0.62], [0.72, 1.75, 0.40]])
_PALE_PLASM = np.array([[0.10, 0.16, 0.07], [0.12, 0.16, 0.05]])
_PIGMENT = np.array([[0.45, 0.75, 1.00], [0.45, 0.70, 0.90]])
_SPECK = np.array([[0.85, 1.15, 0.90], [0.85, 1.10, 0.80]])


@dataclass(frozen=True, eq=False)
class Stain:
    """Colours of one slide. All but `paper` are (3,) float32 optical densities a channel.

    Attributes:
        paper: (3,) float32 RGB of clear glass, 0 to 255.
        haemoglobin: a red cell's plateau.
        chromatin: a parasite's nucleus, on top of the cell.
        cytoplasm: a parasite's body.
        nucleus: a white cell's.
        pale_plasm: a white cell's or platelet's cytoplasm.
        pigment: haemozoin.
        speck: stain debris.
        pallor: mean depth of central pallor, 0 to 1.
        elongation: mean of the red cells' long over short axis, minus 1.
    """

    paper: F32Array
    haemoglobin: F32Array
    chromatin: F32Array
    cytoplasm: F32Array
    nucleus: F32Array
    pale_plasm: F32Array
    pigment: F32Array
    speck: F32Array
    pallor: float
    elongation: float


def slide_stain(seed: int, stain_cast: float) -> Stain:
    """The stain of the slide that this seed names; the same for each of its fields.

    Args:
        seed: 0 or more.
        stain_cast: 0 for the textbook stain, 1 for the full range of casts.
    """
    rng = np.random.default_rng([seed, 0, _STAIN_STREAM])
    weights = stain_cast * rng.dirichlet(np.full(len(_CELL_RGB), 0.3))
    weights = weights + (1 - stain_cast) * _TEXTBOOK
    paper = weights @ _PAPER_RGB + stain_cast * rng.normal(0, 2.5, 3)
    amount = np.exp(stain_cast * rng.normal(0, 0.16))
    # Densities are mixed, not colours: dyes of two stains in one bath add up.
    haemoglobin = amount * (weights @ np.log(_PAPER_RGB / _CELL_RGB))
    coolness = float(weights[3] + weights[4] + 0.3 * weights[5])
    depth = np.exp(stain_cast * rng.normal(0, 0.1))

    def between(part: F64Array) -> F32Array:
        return _f32(depth * ((1 - coolness) * part[0] + coolness * part[1]))

    return Stain(
        paper=_f32(np.minimum(paper, 250)),
        haemoglobin=_f32(haemoglobin),
        chromatin=between(_CHROMATIN),
        cytoplasm=between(_CYTOPLASM),
        nucleus=between(_NUCLEUS),
        pale_plasm=between(_PALE_PLASM),
        pigment=between(_PIGMENT),
        speck=between(_SPECK),
        pallor=float(rng.uniform(0.05, 0.4)),
        elongation=float(rng.uniform(0.03, 0.12)),
    )


def _f32(values: F64Array) -> F32Array:
    return np.asarray(values, np.float32)
