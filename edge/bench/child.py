"""A process of its own that measures, so that the work of a page or a matrix is none of it.

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
        measure(**vars(words))
    except ClinicScopeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def measure(
    out: Path,
    runs: int,
    fields: int,
    accelerator: str | None = None,
    delegate: str | None = None,
    bundle: str | None = None,
    runtime: str | None = None,
    threads: int = 1,
) -> None:
    """Writes the record of a bundle, the active one where none is given, to `out`; as
    `clinicscope bench` does.
    """
    _tell(OPENING)
    home = data_home()
    runtimes = (runtime,) if runtime else None
    config = load_config(home, bundle=bundle, runtimes=runtimes, threads=threads)
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
    parser.add_argument("--bundle")
    parser.add_argument("--runtime")
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
