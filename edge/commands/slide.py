"""`screen`: the fields of one specimen to a verdict, with its evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click

from edge.analysis.explain import add_legend, annotate_field
from edge.cameras.base import Camera, camera_class, open_camera, read_settings
from edge.cameras.device import patience_of
from edge.cameras.replay import ReplayCamera
from edge.cameras.specimen import open_specimen
from edge.commands.shared import model_options, open_screener, progress_bar, write_json
from edge.config import data_home, load_config
from edge.contract.errors import CameraError, ConfigError
from edge.contract.images import encode_image
from edge.contract.labels import ASEXUAL_STAGES
from edge.contract.results import field_to_json
from edge.contract.types import FieldResult, Frame, SlideReport
from edge.protocol import Protocol, enough, summarise
from edge.screening.calls import field_point
from edge.screening.reading import read_fields, unfinished
from edge.screening.report import ReportWriter
from edge.screening.screener import Screener
from edge.store.files import write_durably
from edge.tally import Tally

CAMERA_PREFIX = "camera:"


@dataclass
class Outputs:
    """Where results go; any of them may be None."""

    json_path: Path | None
    annotated_dir: Path | None
    report: ReportWriter | None
    fields: list[dict[str, Any]] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def add(self, result: FieldResult, frame: Frame | None) -> None:
        """Takes one field to all of them; its picture is written at once."""
        as_json = field_to_json(result)
        if self.json_path:
            self.fields.append(as_json)
        if frame is None:
            return
        if self.annotated_dir:
            cells, refused = as_json["cells"], result.quality.reason
            drawn = add_legend(annotate_field(frame.image, cells), cells, refused)
            write_durably(self.annotated_dir / self._free_name(result), encode_image(drawn, ".jpg"))
        if self.report:
            self.report.add(result, frame)

    def _free_name(self, result: FieldResult) -> str:
        """The field's name; numbered where two folders hold fields of the same name."""
        stem = Path(result.name).stem
        times = self.names[stem] = self.names[stem] + 1
        return f"{stem}.jpg" if times == 1 else f"{stem}-{times}.jpg"


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write JSON here.")
@click.option(
    "--annotated", type=click.Path(path_type=Path, file_okay=False), help="Write fields with boxes."
)
@click.option("--report", type=click.Path(path_type=Path), help="Write a self-contained HTML page.")
@model_options
def screen(
    sources: tuple[str, ...],
    json_path: Path | None,
    annotated: Path | None,
    report: Path | None,
    bundle: Path | None,
    runtime: str | None,
    threads: int | None,
) -> None:
    """Screen the fields of one specimen.

    SOURCE is a folder or files of field images or videos, or camera:NAME with settings, such as
    'camera:v4l2?device=/dev/video0&width_px=1920&height_px=1080' or 'camera:network?url=rtsp://...'
    (quoted, as a shell reads & and ?). `camera:simulated` needs no hardware:
    camera:simulated?seed=3&parasitaemia_fraction=0.02&fields=10
    """
    protocol = load_config(data_home()).protocol
    if annotated:
        annotated.mkdir(parents=True, exist_ok=True)
    outputs = Outputs(json_path, annotated, ReportWriter() if report else None)
    with open_source(sources) as camera:
        screener = open_screener(bundle, runtime, threads)
        slide, lost = screen_all(camera, screener, protocol, outputs)
    if json_path:
        write_json(json_path, {"slide": slide.to_json(), "fields": outputs.fields})
    if report and outputs.report:
        write_durably(report, outputs.report.render(slide).encode())
    print_slide(slide, to_stderr=str(json_path) == "-")
    if lost:
        raise lost


def open_source(sources: tuple[str, ...]) -> Camera:
    """A camera by name, or a replay of files. A live camera is supervised.

    Raises:
        click.UsageError: a camera beside other sources, or a setting that does not fit.
        CameraError: no such camera, or it cannot be opened.
    """
    cameras = [source for source in sources if source.startswith(CAMERA_PREFIX)]
    if not cameras:
        return ReplayCamera(sources)
    if len(sources) > 1:
        raise click.UsageError(f"{cameras[0]} must be the only SOURCE")
    name, _, query = cameras[0].removeprefix(CAMERA_PREFIX).partition("?")
    try:
        texts = dict(parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True))
        settings = read_settings(name, texts)
    except (ValueError, ConfigError) as error:
        raise click.UsageError(f"settings of camera:{name} do not fit: {error}") from error
    if camera_class(name).live:
        patience = patience_of(load_config(data_home()).camera)
        return open_specimen(name, partial(open_camera, name, **settings), patience)
    return open_camera(name, **settings)


def screen_all(
    camera: Camera, screener: Screener, protocol: Protocol, outputs: Outputs
) -> tuple[SlideReport, CameraError | None]:
    """Reads every field of a finite source, or enough for the protocol of an endless one.

    Returns:
        The report; and why the camera was lost on the way, None where it was not.
    """
    tally, lost = Tally(), None
    point = field_point(screener.bundle.manifest)
    finite = camera.most_fields if isinstance(camera, ReplayCamera) else None
    with progress_bar() as bar:
        task = bar.add_task("Screening", total=finite or protocol.minimum_rbc_count)
        try:
            for result, frame in read_fields(camera, screener):
                outputs.add(result, frame)
                tally = tally.add(result)
                bar.update(task, advance=1 if finite else result.rbc_count)
                if camera.endless and enough(summarise(tally, protocol, point, screener.ran_on)):
                    break
        except CameraError as error:
            lost = error
    report = summarise(tally, protocol, point, screener.ran_on)
    return (unfinished(report, str(lost)) if lost else report), lost


def print_slide(slide: SlideReport, *, to_stderr: bool) -> None:
    """The verdict for a person."""
    interval = ""
    estimate, low, high = slide.parasitaemia_fraction, slide.ci_low, slide.ci_high
    if estimate is not None and low is not None and high is not None:
        interval = (
            f"\nparasitaemia {100 * estimate:.2f} % "
            f"(95 % interval {100 * low:.2f} % to {100 * high:.2f} %){density_line(slide)}"
        )
    more = ""
    if slide.more_fields:
        more = f"\nread about {slide.more_fields:,} more fields: {slide.more_fields_why}"
    second = ""
    if slide.disagreement_count or slide.refused_cell_count:
        second = (
            f"\nsecond opinion: differs on {slide.disagreement_count:,} cells, refuses "
            f"{slide.refused_cell_count:,} objects as no red cell"
        )
    click.echo(
        f"{slide.verdict.upper()}: {slide.why}{interval}{_stages_line(slide)}{second}{more}\n"
        f"{slide.fields_read} fields read, {slide.fields_refused} refused; "
        f"protocol {slide.protocol}@{slide.protocol_version}; "
        f"{slide.ran_on.bundle_id} on {slide.ran_on.runtime}/{slide.ran_on.accelerator}"
        f"{_fallback_line(slide)}\n"
        "For research and screening support, not for diagnosis.",
        err=to_stderr,
    )


def density_line(slide: SlideReport) -> str:
    """Asexual parasites per µL, with what that assumes; nothing where nothing was counted."""
    density, low, high = slide.density_per_ul, slide.density_low_per_ul, slide.density_high_per_ul
    if density is None or low is None or high is None:
        return ""
    return (
        f"\ndensity {density:,.0f} asexual parasites/µL ({low:,.0f} to {high:,.0f}), assuming "
        f"{slide.rbc_per_ul:,} red cells/µL"
    )


def _fallback_line(slide: SlideReport) -> str:
    """That and why something else computed than what was preferred."""
    return f"\nfallback: {slide.ran_on.fallback_why}" if slide.ran_on.fallback else ""


def _stages_line(slide: SlideReport) -> str:
    """What the infected cells are, or why that is not known; nothing where none was found."""
    if slide.ran_on.stages_problem:
        return f"\nstages: not told apart: {slide.ran_on.stages_problem}"
    if not slide.positive_count:
        return ""
    counts = [f"{slide.stage_counts[stage]:,} {stage}" for stage in ASEXUAL_STAGES]
    unnamed = slide.positive_count - sum(slide.stage_counts.values())
    return (
        f"\nstages: {', '.join(counts)}, {unnamed:,} not named; apart, as they do not count toward "
        f"density: {slide.gametocyte_count:,} gametocyte"
    )
