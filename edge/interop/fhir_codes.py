"""The codes of a FHIR document, each with its system; where none was found, a local one."""

from __future__ import annotations

from typing import Any

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

MALARIA_SMEAR = ("32700-7", "Microscopic observation [Identifier] in Blood by Malaria smear")
PRESENCE = ("51587-4", "Plasmodium sp [Presence] in Blood by Light microscopy")
PARASITAEMIA = ("53556-7", "Percent parasitaemia")
STAGE = ("41451-6", "Plasmodium stage")
# No LOINC was found for parasites per µL; these are ours, under the site's own system.
DENSITY = ("parasite-density", "Asexual parasites per microlitre of blood")
GAMETOCYTES = ("gametocyte-count", "Gametocytes among the infected red cells")
RBC_COUNT = ("rbc-counted", "Red cells counted")
PERSON_DENSITY = ("parasite-density-by-microscopist", "Asexual parasites per µL, by a person")
CI_LOW = ("ci-95-low", "Lower end of the 95 % interval")
CI_HIGH = ("ci-95-high", "Upper end of the 95 % interval")
CHEST_XRAY = ("chest-xray-screening", "Screening of a chest X-ray")
CHEST_CALL = ("chest-xray-call", "Call on a chest X-ray")
CHEST_FINDING = ("chest-xray-finding", "What is seen on the chest X-ray")
CHEST_SCORE = ("chest-xray-score", "Score of the network that it is not normal, 0 to 1")

# Asserted by artificial intelligence (HL7 AI Transparency on FHIR, ballot).
AIAST = {
    "system": OBSERVATION_VALUE,
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
# SNOMED CT qualifier values.
PRESENCE_VALUES = {
    "positive": ("260373001", "Detected"),
    "negative": ("260415000", "Not detected"),
    "inconclusive": ("419984006", "Inconclusive"),
}
INTERPRETATIONS = {"positive": ("POS", "Positive"), "negative": ("NEG", "Negative")}


def concept(system: str, code: tuple[str, str], text: str = "") -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    found = {"coding": [{"system": system, "code": code[0], "display": code[1]}]}
    return found | ({"text": text} if text else {})


def quantity(value: float, unit: str, ucum: str) -> dict[str, Any]:
    """A Quantity in UCUM; 12 digits, as a float's tail is no measurement."""
    return {"value": float(f"{value:.12g}"), "unit": unit, "system": UCUM, "code": ucum}
