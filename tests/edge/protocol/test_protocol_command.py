"""`clinicscope protocol`: list, show, coverage, agreement."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.contract.types import RanOn
from edge.protocol import Protocol, summarise
from edge.store.records import DONE, THICK
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Tallies
from edge.store.store import Store
from edge.tally import Tally
from tests.edge.runtimes.drawn_bundles import draw_point

Run = Callable[..., tuple[int, str, str]]


def test_list_marks_the_devices_own(clinicscope: Run, home: Path) -> None:
    out = clinicscope("protocol", "list")[1]
    assert "* who-thin-5000@1: WHO, thin smear: 5,000 red cells\n" in out
    assert "  who-thick@1: WHO, thick smear" in out
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text('protocol = "cdc-thin"\n')
    assert "* cdc-thin@1" in clinicscope("protocol", "list")[1]
    (home / "config.toml").write_text("[protocol]\nminimum_rbc_count = 30\n")
    assert "* site@1: of config.toml" in clinicscope("protocol", "list")[1]


def test_show_is_what_the_file_says(clinicscope: Run) -> None:
    assert json.loads(clinicscope("protocol", "show")[1])["minimum_rbc_count"] == 5000
    assert json.loads(clinicscope("protocol", "show", "who-thick")[1])["wbc_per_ul"] == 8000
    code, _, err = clinicscope("protocol", "show", "who-thin")
    assert (code, "protocol is 'who-thin'; known:" in err) == (3, True)


def test_coverage_prints_five_ranges(clinicscope: Run, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    code, out, _ = clinicscope(
        "protocol", "coverage", "--protocol", "bsh-thin-1000", "--slides", 200, "--json", path
    )
    assert code == 0
    assert out.startswith("bsh-thin-1000@1, 200 slides a range\n")
    assert len(out.splitlines()) == 6
    ranges = json.loads(path.read_text())["ranges"]
    assert [one["slides"] for one in ranges] == [200] * 5
    assert all(one["covered"] + one["below"] + one["above"] == 200 for one in ranges)


def test_agreement_is_of_what_persons_counted_and_signed(clinicscope: Run, home: Path) -> None:
    ran_on = RanOn("b", "0", "onnx", "cpu", False, 1)
    clean = summarise(Tally(5000, 0, 40, 0), Protocol(), draw_point(), ran_on)
    with closing(Store(home)) as store:
        for parasites in (0, 4, None):
            specimen_id = store.start_specimen("S", "upload", {})
            store.finish_specimen(specimen_id, clean, DONE)
            if parasites is not None:
                slide = Register(store).add_slide(specimen_id, THICK)
                Tallies(store).add(slide.slide_id, "R", parasites=parasites, wbc_counted=500)
        Results(store).sign(specimen_id, "R. Reader")
    out = clinicscope("protocol", "agreement")[1]
    month, everything = out.splitlines()
    assert month.split(": ", 1)[1] == everything.removeprefix("all: ")
    assert everything.startswith(
        "all: 3 specimens; sensitivity 0 % (0 % to 98 % of 1), specificity"
    )
    assert "specificity 100 % (16 % to 100 % of 2)" in everything
    figures = json.loads(clinicscope("protocol", "agreement", "--json", "-")[1])
    assert figures["all"]["reader_alone"] == 1


@pytest.mark.parametrize("args", [("--slides", "5"), ("--law", "flat")])
def test_wrong_options_are_usage_errors(
    clinicscope: Run, home: Path, args: tuple[str, str]
) -> None:
    assert clinicscope("protocol", "coverage", *args)[0] == 2
