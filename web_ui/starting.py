"""Starting a specimen, from whatever asks: its uploads are stored first, and kept while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.datastructures import FileStorage

from edge.contract.errors import BusyError, ClinicScopeError
from edge.screening.state import SpecimenRequest
from edge.store.records import SpecimenDetails
from web_ui.context import Context
from web_ui.uploads import remove_batches, save_batch


def start(here: Context, request: SpecimenRequest) -> str:
    """Starts a specimen that needs no upload; returns its id.

    Raises:
        ClinicScopeError: see `ScreeningService.start`.
    """
    with here.starting:
        return here.service.start(request)


def start_uploaded(
    here: Context, label: str, details: SpecimenDetails, files: Sequence[FileStorage]
) -> str:
    """Stores field images and starts their specimen; returns its id.

    Raises:
        ClinicScopeError: it cannot start, or cannot be stored; then no upload is left behind.
    """
    with here.starting:
        _refuse_when_busy(here)
        remove_batches(here.upload_dir)
        paths = save_batch(files, here.upload_dir)
        settings = {"sources": [str(path) for path in paths]}
        try:
            return here.service.start(SpecimenRequest(label, "upload", settings, details))
        except ClinicScopeError:
            remove_batches(here.upload_dir)
            raise


def _refuse_when_busy(here: Context) -> None:
    """Before earlier uploads are removed: one of them may be at work."""
    progress = here.service.state().progress
    if progress is not None and progress.running:
        raise BusyError(f"“{progress.label}” is being screened; wait for it or stop it first")
