"""What docs/appliance.md says of units and commands is so."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from edge.cli import program
from tests.firmware.units import INSTALL, exposures

PAGE = Path("docs/appliance.md").read_text(encoding="utf-8")


def test_exposures_are_those_of_the_table(installed: Path) -> None:
    column = 2 if "jetson" in installed.name else 1
    told: dict[str, str] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([a-z@-]+)`", cells[0])
        if len(cells) == 4 and names and re.fullmatch(r"[\d., ]*", cells[1]):
            values = cells[column].split(", ") if cells[column] else []
            told |= dict(zip(names, values, strict=False))
    full = {name if name.startswith("clinic") else f"clinicscope{name}" for name in told}
    found = {name.removesuffix(".service").replace("@i", "@") for name in exposures(installed)}
    assert full == found
    for name, value in exposures(installed).items():
        short = name.removesuffix(".service").replace("@i", "@")
        key = short if short in told else short.removeprefix("clinicscope")
        assert told[key] == f"{value:.1f}", short


def test_commands_and_options_of_the_page_are_there() -> None:
    commands = set(re.findall(r"(?:sudo |`)clinicscope ([a-z]+)", PAGE))
    assert len(commands) >= 7
    for command in commands:
        told = CliRunner().invoke(program, [command, "--help"])
        assert told.exit_code == 0, command
    options = set(re.findall(r"install\.sh[^`\n]*?(--[a-z-]+)", PAGE))
    text = INSTALL.read_text()
    assert options and all(f"  {option}" in text for option in options)
