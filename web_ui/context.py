"""What the views of one app share: the service, decoded fields, and where uploads go."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, current_app

from edge.statistics.kept import Figures
from web_ui.camera_picture import PreviewJpegs
from web_ui.camera_stream import PreviewStreams
from web_ui.jobs import Jobs
from web_ui.metrics.meter import Meter
from web_ui.pictures import FieldImages
from web_ui.sessions import Sessions
from web_ui.sharper_views import SharperViews
from web_ui.single_pictures import SinglePictures

if TYPE_CHECKING:
    from edge.screening.service import ScreeningService
    from edge.store.store import Store
    from edge.sync.sender import Sender

_KEY = "clinicscope"


@dataclass(frozen=True, eq=False)
class Context:
    """One app's parts.

    Attributes:
        jobs: exports and backups.
        pictures: reads single pictures and chest X-rays.
        sharper: makes the sharper views of cells.
        sender: sends results by itself; None where nothing does.
        previews: what the camera sees, encoded.
        streams: who watches it move.
        sessions: who is logged in.
        meter: counts what was answered.
        figures: of the site, as they were read last.
        starting: held from the saving of an upload until its specimen has started.
    """

    service: ScreeningService
    upload_dir: Path
    images: FieldImages
    jobs: Jobs
    pictures: SinglePictures
    sharper: SharperViews
    sender: Sender | None = None
    starting: threading.Lock = field(default_factory=threading.Lock)
    previews: PreviewJpegs = field(default_factory=PreviewJpegs)
    streams: PreviewStreams = field(default_factory=PreviewStreams)
    sessions: Sessions = field(default_factory=Sessions)
    meter: Meter = field(default_factory=Meter)
    figures: Figures = field(default_factory=Figures)

    @property
    def store(self) -> Store:
        """The clinic's records."""
        return self.service.store


def attach(app: Flask, context: Context) -> None:
    """Gives an app its context."""
    app.extensions[_KEY] = context


def parts_of(app: Flask) -> Context:
    """The context of an app, outside any request."""
    found: Context = app.extensions[_KEY]
    return found


def is_whole(app: Flask) -> bool:
    """Whether it is the page of a device, and not one that only says why there is none."""
    return _KEY in app.extensions


def context() -> Context:
    """The context of the app at work."""
    found: Context = current_app.extensions[_KEY]
    return found
