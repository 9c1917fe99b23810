"""What a record and the steps of making it are called; light, for those who only read them."""

from __future__ import annotations

# Of the record; goes up when a reader of the old one would misread the new one.
SCHEMA = 1
OPENING = "opening the networks"
# What `make_record` tells, in order, after the opening.
STEPS = (
    OPENING,
    "models in turns",
    "the runtime's own part",
    "fields",
    "long runs",
    "cold starts",
    "operations",
)
