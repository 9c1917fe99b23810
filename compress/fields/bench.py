"""`bench fields` from end to end: collections to readings, readings to the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compress.fields.finders import FinderKind, open_finder
from compress.fields.fold_models import MODELS_DIR, read_fold_models
from compress.fields.measured import IML, Collection, Families, Judges, sections
from compress.fields.normalisations import open_normalisation
from compress.fields.reading import Reading
from compress.fields.table import Section
from train.fields.callers import Caller, join
from train.fields.labelled import labelled_share
from train.fields.truth import FIELD_SETS, FieldTruth, read_fields


@dataclass(frozen=True)
class Options:
    """What is read with what.

    Attributes:
        finder: a name of `FINDERS`, or a finder of one's own.
        normalise: a name of `NORMALISATIONS`.
        readings: folder of what was read, kept between calls.
        as_read: take what was read, whatever by.
        data: folder of data sets; None reads CLINICSCOPE_DATA.
        tell: called with a collection, fields done, and fields in all.
    """

    finder: str | FinderKind = "classical"
    normalise: str = "none"
    families: Families = field(default_factory=Families)
    models: Path = MODELS_DIR
    readings: Path = Path("runs/fields")
    as_read: bool = False
    data: Path | None = None
    tell: Callable[[str, int, int], None] = lambda _name, _done, _total: None


@dataclass(frozen=True, eq=False)
class Measured:
    """The table and what it was made of."""

    sections: tuple[Section, ...]
    collections: Mapping[str, Collection]
    callers: tuple[Caller, ...]


def measure_fields(options: Options) -> Measured:
    """Reads every collection, or takes what was read, and measures it.

    Raises:
        ConfigError: no such finder, normalisation or networks, or no folder of data sets.
        DataError: a collection or a reading is broken.
    """
    judges = Judges(
        read_fold_models(options.models),
        options.families,
        open_normalisation(options.normalise),
    )
    found = {name: read_collection(name, options, judges) for name in FIELD_SETS}
    callers = judges.callers(found[IML].fields)
    return Measured(tuple(sections(found, callers)), found, callers)


def read_collection(name: str, options: Options, judges: Judges) -> Collection:
    """The fields of one collection, joined with their truth."""
    truths = read_fields(name, options.data)
    named = options.finder
    reading = Reading(
        judges.models,
        options.families.all,
        open_finder(named) if isinstance(named, str) else named,
        options.readings,
        options.as_read,
        lambda done, total: options.tell(name, done, total),
    )
    fields = join(truths, reading.read(name, truths))
    labelled = _labelled(truths, options.readings / f"labelled-{name}.json")
    return Collection(name, tuple(fields), labelled)


def _labelled(truths: Sequence[FieldTruth], kept: Path) -> tuple[float, ...]:
    """The share of each field that the truth speaks of; kept, since images and truth stay."""
    names = [truth.name for truth in truths]
    if kept.is_file():
        shares = json.loads(kept.read_text(encoding="utf-8"))
        if list(shares) == names:
            return tuple(shares.values())
    shares = {truth.name: round(labelled_share(truth), 4) for truth in truths}
    kept.write_text(json.dumps(shares, indent=1) + "\n", encoding="utf-8")
    return tuple(shares.values())
