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

# Of a chest X-ray, by a network; a reader may see something else, or nothing for bad quality.
NORMAL = "normal"
PNEUMONIA = "pneumonia"
COVID = "covid"
OTHER_FINDING = "other-finding"
UNREADABLE = "unreadable"
XRAY_FINDINGS = (PNEUMONIA, COVID)
XRAY_LABELS = (NORMAL, *XRAY_FINDINGS)
READER_LABELS = (*XRAY_LABELS, OTHER_FINDING, UNREADABLE)

MALARIA_CELLS = "malaria-cells"
MALARIA_STAGES = "malaria-stages"
MALARIA_SUPERRES = "malaria-superres"
# Whole chest X-rays, which are grey.
CXR_PNEUMONIA = "cxr-pneumonia"
CXR_COVID = "cxr-covid"
XRAY_TASKS = (CXR_PNEUMONIA, CXR_COVID)
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
