"""The page of records: what leaves the device, what waits to, the worklist in, and the log."""

from __future__ import annotations

from flask import render_template, request

from edge.backup.freshness import last_backup
from edge.backup.settings import BackupSettings
from edge.config import load_config
from edge.contract.errors import ConfigError
from edge.drives import Drive, find_drives
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.worklist import WorklistReport
from web_ui.context import context
from web_ui.taking_out import (
    FORMAT_WORDS,
    HERE,
    OutForm,
    backup_defaults,
    export_defaults,
)

LINES_AT_MOST, BAD_LINES_SHOWN = 20, 20


def drives() -> list[Drive]:
    """What can be written to now."""
    named = _backup_settings().to
    return find_drives(context().store.home, (named,) if named else ())


def _backup_settings() -> BackupSettings:
    """Of the config; none where it has a mistake since the start: drives are there all the same."""
    try:
        return load_config(context().store.home).backup
    except ConfigError:
        return BackupSettings()


def records_page(
    report: WorklistReport | None = None,
    problem: str = "",
    export_form: OutForm | None = None,
    backup_form: OutForm | None = None,
) -> str:
    """The page.

    Args:
        report: of a worklist that was just imported.
        problem: why none was.
        export_form, backup_form: as they were sent, with what is wrong in them.
    """
    here = context()
    store, sender = here.store, here.sender
    specimen, month = request.args.get("specimen", "").strip(), store.now()[:7]
    keys = _backup_settings().recipients
    return render_template(
        "records.html",
        report=report,
        problem=problem,
        bad_lines=report.bad_lines[:BAD_LINES_SHOWN] if report else (),
        counts=Outbox(store).counts(),
        sender=sender.state() if sender else None,
        lines=Audit(store).entries(LINES_AT_MOST),
        export_form=export_form or OutForm(export_defaults(month, specimen), {}),
        backup_form=backup_form or OutForm(backup_defaults(keys), {}),
        drives=drives(),
        formats=FORMAT_WORDS,
        here_word=HERE,
        last_backup=last_backup(store),
        job=here.jobs.last(),
    )
