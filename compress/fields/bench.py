"""`bench fields` from end to end: collections to readings, readings to the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compress.fields.finders import FinderKind, open_finder
from compress.fields.fold_models import MODELS_DIR, read_fold_models
from compress.fields.measured import Families, Judges, sections
from compress.fields.normalisations import open_normalisation
from compress.fields.reading import Reading
from compress.fields.table import Section
from train.fields.callers import Caller, Field, join
from train.fields.truth import FIELD_SETS, read_fields


@dataclass(frozen=True)
class Options:
    """What is read with what.

    Attributes:
        finder: a name of `FINDERS`, or a finder of one's own.
        normalise: a name of `NORMALISATIONS`.
        readings: folder of what was read, kept between calls.
        data: folder of data sets; None reads CLINICSCOPE_DATA.
        tell: called with a collection, fields done, and fields in all.
    """

    finder: str | FinderKind = "classical"
    normalise: str = "none"
    families: Families = field(default_factory=Families)
    models: Path = MODELS_DIR
    readings: Path = Path("runs/fields")
    data: Path | None = None
    tell: Callable[[str, int, int], None] = lambda _name, _done, _total: None


@dataclass(frozen=True, eq=False)
class Measured:
    """The table and what it was made of."""

    sections: tuple[Section, ...]
    fields: Mapping[str, Sequence[Field]]
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
    fields = {name: read_collection(name, options, judges) for name in FIELD_SETS}
    callers = judges.callers(fields[FIELD_SETS[0]])
    return Measured(tuple(sections(fields, callers)), fields, callers)


def read_collection(name: str, options: Options, judges: Judges) -> list[Field]:
    """The fields of one collection, joined with their truth."""
    truths = read_fields(name, options.data)
    named = options.finder
    reading = Reading(
        judges.models,
        options.families.all,
        open_finder(named) if isinstance(named, str) else named,
        options.readings,
        lambda done, total: options.tell(name, done, total),
    )
    return join(truths, reading.read(name, truths))
