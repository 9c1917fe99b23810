"""The clinic's counting rules: how much is counted, what it means, and what a verdict rests on."""

from edge.protocol.definition import Protocol, ThickProtocol
from edge.protocol.interval import Interval, corrected_interval, reviewed_interval
from edge.protocol.judged import JudgedCell, judged_cells
from edge.protocol.library import (
    default_protocol,
    load_protocol,
    load_thick_protocol,
    protocol_names,
    protocol_of_config,
)
from edge.protocol.person import PersonCount, count_of_person
from edge.protocol.progress import enough
from edge.protocol.reviewed import counts_of_persons, summarise_reviewed
from edge.protocol.summary import summarise
from edge.protocol.verdict import decide

__all__ = [
    "Interval",
    "JudgedCell",
    "PersonCount",
    "Protocol",
    "ThickProtocol",
    "corrected_interval",
    "count_of_person",
    "counts_of_persons",
    "decide",
    "default_protocol",
    "enough",
    "judged_cells",
    "load_protocol",
    "load_thick_protocol",
    "protocol_names",
    "protocol_of_config",
    "reviewed_interval",
    "summarise",
    "summarise_reviewed",
]
