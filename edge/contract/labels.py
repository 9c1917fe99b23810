"""The words of the field, as they appear in manifests, records and the command line."""

from __future__ import annotations

UNINFECTED = "uninfected"
PARASITISED = "parasitised"
RING = "ring"
TROPHOZOITE = "trophozoite"
SCHIZONT = "schizont"
GAMETOCYTE = "gametocyte"
WBC = "wbc"
PLATELET = "platelet"
DEBRIS = "debris"

STAGES = (RING, TROPHOZOITE, SCHIZONT, GAMETOCYTE)
# Counts toward density: asexual stages only; gametocytes are reported apart (DOMAIN: counting).
ASEXUAL_STAGES = (RING, TROPHOZOITE, SCHIZONT)
NON_RBC = (WBC, PLATELET, DEBRIS)
CELL_LABELS = (UNINFECTED, PARASITISED, *STAGES, *NON_RBC)

MALARIA_CELLS = "malaria-cells"
MALARIA_STAGES = "malaria-stages"
MALARIA_SUPERRES = "malaria-superres"
# Whole chest X-rays, which are grey.
XRAY_TASKS = ("cxr-pneumonia", "cxr-covid")
TASKS = (
    MALARIA_CELLS,
    "malaria-novelty",
    MALARIA_STAGES,
    MALARIA_SUPERRES,
    *XRAY_TASKS,
)


def is_infected(label: str) -> bool:
    """True for a parasitised red cell, whatever its stage."""
    return label == PARASITISED or label in STAGES
