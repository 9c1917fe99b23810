"""A device starts with what it needs: heavy packages are imported by the commands that use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from edge.store.migrate import known_revisions
from edge.store.store import Store

RICH, ALEMBIC, SQLALCHEMY, NUMPY = "rich", "alembic", "sqlalchemy", "numpy"


def imported_by(code: str, *names: str) -> set[str]:
    """Which of these packages a fresh Python has imported after that code."""
    asked = f"import sys\n{code}\nprint(*({set(names)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_program_itself_imports_no_command() -> None:
    assert imported_by("import edge.cli", NUMPY, SQLALCHEMY, RICH, ALEMBIC) == set()


def test_selftest_needs_no_database() -> None:
    assert imported_by("import edge.commands.device", NUMPY, RICH, ALEMBIC) == {NUMPY}


def test_the_appliance_needs_neither_progress_bars_nor_migrations(tmp_path: Path) -> None:
    Store(tmp_path).close()
    code = f"import web_ui.cli, pathlib\nweb_ui.cli.Store(pathlib.Path({str(tmp_path)!r})).close()"
    assert imported_by(code, SQLALCHEMY, RICH, ALEMBIC) == {SQLALCHEMY}


def test_a_new_database_is_made_by_the_migrations(tmp_path: Path) -> None:
    code = f"import web_ui.cli, pathlib\nweb_ui.cli.Store(pathlib.Path({str(tmp_path)!r})).close()"
    assert imported_by(code, ALEMBIC) == {ALEMBIC}


def test_names_of_migrations_say_what_alembic_says() -> None:
    config = Config()
    config.set_main_option("script_location", "edge.store:migrations")
    walked = ScriptDirectory.from_config(config).walk_revisions()
    assert known_revisions() == [script.revision for script in walked]
