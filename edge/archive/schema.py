"""The columns of an archive's three tables, as docs/archive.md lists them.

Names are those of `screen --json`. A change of any of them takes another VERSION.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from edge.archive.columns import (
    BY_STAGE,
    FLAG,
    LONG,
    NUMBER,
    TEXT,
    TEXTS,
    WHOLE,
    WHOLES,
    Column,
)
from edge.archive.libraries import need

VERSION = 1
VERSION_KEY = b"clinicscope.archive.schema_version"

SLIDE_ID = Column(
    "slide_id", TEXT, "path of the slide's folder below SOURCE, `.` for SOURCE itself"
)
_FIELD = Column("field", WHOLE, "which of the slide's fields, in the order of their names, from 0")
_FILE = Column("file", TEXT, "file name of the field")

CELLS = (
    SLIDE_ID,
    _FIELD,
    _FILE,
    Column("cell", WHOLE, "which of the field's objects, from 0"),
    Column("left_px", WHOLE, "left edge of its box", "px"),
    Column("top_px", WHOLE, "top edge of its box", "px"),
    Column("width_px", WHOLE, "width of its box", "px"),
    Column("height_px", WHOLE, "height of its box", "px"),
    Column(
        "label",
        TEXT,
        "`uninfected`, `parasitised` or a stage (`ring`, `trophozoite`, `schizont`, `gametocyte`), "
        "or `wbc`, `platelet`, `debris`",
    ),
    Column(
        "score",
        NUMBER,
        "P(infected), 5 decimals; null of what is no red cell or is cut by the border",
        "0 to 1",
        nullable=True,
    ),
    Column(
        "novelty",
        NUMBER,
        "anomaly score, 5 decimals; null where the second network was not asked",
        "0 to 1",
        nullable=True,
    ),
    Column("refused", TEXT, "why the object is no red cell; empty where it is one"),
    Column("disagrees", FLAG, "one of the two networks alone suspects it"),
    Column("uncertain", FLAG, "a person should look at it"),
    Column("counted", FLAG, "a whole red cell, so part of the slide's count"),
)

FIELDS = (
    SLIDE_ID,
    _FIELD,
    _FILE,
    Column("usable", FLAG, "it was read; false where it was refused"),
    Column("reason", TEXT, "why it was refused; empty where it was read"),
    Column("decoded", FLAG, "it is a picture; false where its bytes are none"),
    Column("focus", NUMBER, "sharpness of the edges; larger is sharper"),
    Column("brightness", NUMBER, "median of the brightest channel", "0 to 255"),
    Column("saturated_fraction", NUMBER, "share of pixels at the top in every channel", "0 to 1"),
    Column("stained_fraction", NUMBER, "share of the field that cells cover", "0 to 1"),
    Column("notes", TEXTS, "what is odd without being a reason to refuse"),
    Column(
        "lettering_px",
        WHOLES,
        "left, top, width, height of burnt-in text; null where there is none",
        "px",
        nullable=True,
    ),
    Column("rbc_count", WHOLE, "whole red cells"),
    Column("positive_count", WHOLE, "of them those called infected"),
    Column("cell_count", WHOLE, "objects, so rows of `cells`"),
)


def _share(name: str, meaning: str) -> Column:
    return Column(name, NUMBER, f"{meaning}; null where nothing was counted", "0 to 1", True)


def _density(name: str, meaning: str) -> Column:
    return Column(name, NUMBER, f"{meaning}; null where nothing was counted", "1/µL", True)


SLIDES = (
    SLIDE_ID,
    Column("verdict", TEXT, "`positive`, `negative`, `inconclusive` or `refused`"),
    Column("why", TEXT, "the reason in a sentence or two"),
    Column("rbc_count", LONG, "whole red cells"),
    Column("positive_count", LONG, "of them those called infected, gametocytes included"),
    _share("parasitaemia_fraction", "corrected for the classifier's errors"),
    _share("ci_low", "lower end of its 95 % interval"),
    _share("ci_high", "upper end of its 95 % interval"),
    _share("observed_fraction", "positive_count / rbc_count, uncorrected"),
    Column("fields_read", LONG, "fields that count"),
    Column("fields_refused", LONG, "fields that do not, whatever the reason"),
    Column("fields_undecodable", LONG, "of the refused those whose bytes are no picture"),
    Column("minimum_rbc_count", LONG, "red cells that the protocol asks for"),
    Column("protocol", TEXT, "name of the counting rules"),
    Column("protocol_version", LONG, "their version"),
    Column("minimum_usable_fields", LONG, "fields that the protocol asks for"),
    Column("disagreement_count", LONG, "cells that one of the two networks alone suspects"),
    Column("refused_cell_count", LONG, "objects that were refused as no red cell"),
    Column(
        "gametocyte_count", LONG, "infected cells that look like gametocytes; null where stages "
        "were not told apart", nullable=True,
    ),
    Column(
        "stage_counts", BY_STAGE, "infected cells by the stage named; null where stages were not "
        "told apart", nullable=True,
    ),
    Column("more_fields", LONG, "fields still to be read by the protocol"),
    Column("more_fields_why", TEXT, "why; empty where none"),
    _share("mistaken_fraction", "share of slides without a parasite with as many calls"),
    _density("density_per_ul", "asexual parasites; rests on `assumptions`"),
    _density("density_low_per_ul", "lower end of its 95 % interval"),
    _density("density_high_per_ul", "upper end of its 95 % interval"),
    Column("rbc_per_ul", LONG, "red cells that the density assumes", "1/µL"),
    Column("assumptions", TEXTS, "what the figures rest on"),
    Column("uncounted_suspect_count", LONG, "cells that look infected but are not counted"),
    _share("sensitivity_cell", "of the classifier, which the interval corrects for"),
    Column("sensitivity_n_effective", NUMBER, "what that is worth", "cells", nullable=True),
    _share("specificity_cell", "of the classifier, which the interval corrects for"),
    Column("specificity_n_effective", NUMBER, "what that is worth", "cells", nullable=True),
    Column("finished", FLAG, "every field was read; always true in an archive"),
    Column("bundle_id", TEXT, "the bundle that called the cells"),
    Column("bundle_sha256", TEXT, "of its manifest, which names all its files"),
    Column("runtime", TEXT, "what ran the networks"),
    Column("accelerator", TEXT, "what computed them"),
    Column("fallback", FLAG, "what was preferred could not be used"),
    Column("fallback_why", TEXT, "what that was, and why not"),
    Column("threads", LONG, "of the networks"),
    Column("stages_bundle_id", TEXT, "the bundle that named stages; empty where none did"),
    Column("stages_bundle_sha256", TEXT, "of its manifest"),
    Column("stages_problem", TEXT, "why none did; empty where one did"),
    Column(
        "site_shift", NUMBER, "of the site's check; null where none is in force", "logits",
        nullable=True,
    ),
    Column("site_check", TEXT, "who checked, and when; empty where none is in force"),
    Column("novelty_weight", NUMBER, "of the novelty network in the scores"),
    Column("program_version", TEXT, "of ClinicScope"),
)  # fmt: skip

TABLES = {"cells": CELLS, "fields": FIELDS, "slides": SLIDES}


@cache
def arrow_schema(table: str) -> Any:
    """The Arrow schema of a table, its version in the metadata."""
    columns = [column.field() for column in TABLES[table]]
    return need("pyarrow").schema(columns, {VERSION_KEY: str(VERSION).encode()})


@cache
def part_schema() -> Any:
    """One slide with its fields and their cells nested in it: what a worker writes."""
    pa = need("pyarrow")
    slides = [column.field(bare=True) for column in SLIDES]
    return pa.schema([*slides, pa.field("fields", _list_of(field_struct()), False)])


@cache
def field_struct() -> Any:
    """A field of a part, its cells in it."""
    pa = need("pyarrow")
    own = [column.field(bare=True) for column in FIELDS[2:]]
    return pa.struct([*own, pa.field("cells", _list_of(cell_struct()), False)])


@cache
def cell_struct() -> Any:
    """A cell of a part."""
    return need("pyarrow").struct([column.field(bare=True) for column in CELLS[3:]])


def _list_of(kind: Any) -> Any:
    pa = need("pyarrow")
    return pa.list_(pa.field("item", kind, False))
