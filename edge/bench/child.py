"""The child in which the page measures: its own process, so that the page's work is none of it.

Prints what is measured next as lines of JSON, and at the end leaves the record in a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge.accelerators.settings import with_flags
from edge.bench.record import Plan, make_record
from edge.bench.schema import OPENING
from edge.config import data_home, load_config
from edge.contract.errors import ClinicScopeError
from edge.contract.records import to_plain
from edge.installed import load_any
from edge.store.files import write_durably


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; returns the exit code."""
    words = _parser().parse_args(argv)
    try:
        measure(words.out, words.runs, words.fields, words.accelerator, words.delegate)
    except ClinicScopeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def measure(
    out: Path, runs: int, fields: int, accelerator: str | None = None, delegate: str | None = None
) -> None:
    """Writes the record of the active bundle to `out`; as `clinicscope bench` does."""
    _tell(OPENING)
    home = data_home()
    config = load_config(home, threads=1)
    wanted = with_flags(config.accelerators, accelerator, delegate)
    config = replace(config, accelerators=wanted)
    opened = load_any(home, config)
    plan = Plan(runs=runs, fields=fields, home=home, protocol=config.protocol)
    record = make_record(opened, plan, _tell)
    text = json.dumps(to_plain(record), indent=1, ensure_ascii=False) + "\n"
    write_durably(out, text.encode())


def _tell(step: str) -> None:
    sys.stdout.write(json.dumps({"step": step}) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--fields", type=int, required=True)
    parser.add_argument("--accelerator")
    parser.add_argument("--delegate")
    return parser


if __name__ == "__main__":
    sys.exit(main())
