"""A person at the page wants the version before of the program: the service asks, root does it."""

from __future__ import annotations

import json
from pathlib import Path

from edge.contract.errors import ConflictError
from edge.store.audit import Audit
from edge.store.files import write_durably
from edge.store.store import Store
from edge.updates.as_owner import Owner
from edge.updates.kept_records import UPDATES_DIR
from edge.updates.standing import Standing

ASKED_FILE = "go-back"
ASKED = "application.asked_back"
_MOST_NAME = 80
_READ_S = 30.0


def asked_file(home: Path) -> Path:
    """What root's unit waits for."""
    return home / UPDATES_DIR / ASKED_FILE


def ask_back(store: Store, standing: Standing, by: str) -> None:
    """Asks root to put the version before in force; the log says who did.

    Raises:
        ConflictError: there is none.
        StoreError: the disk refuses.
    """
    if not standing.before:
        raise ConflictError("no other version of the program was in use before this one")
    told = {"from": standing.program, "to": standing.before}
    Audit(store).write(by, ASKED, standing.before, told)
    write_durably(asked_file(store.home), json.dumps(by).encode())


def take_asked(owner: Owner) -> str:
    """Who asked, read and removed as the owner of the data: it is asked once."""
    path = asked_file(owner.home)
    told = owner.run(["head", "-c", "1000", "--", path], _READ_S)
    owner.remove(path)
    try:
        name = str(json.loads(told))
    except ValueError:
        name = "somebody"
    # For a log: no end of a line in it.
    return "".join(letter for letter in name[:_MOST_NAME] if letter.isprintable())
