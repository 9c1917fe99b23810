from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.firmware.units import BOARDS, SYSTEM_UNITS, add_commands, bare_root, install


@pytest.fixture(scope="session", params=BOARDS)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root into which the installer has put everything, once for each board."""
    root = bare_root(tmp_path_factory.mktemp(request.param))
    done = install(root, request.param)
    assert done.returncode == 0, done.stdout
    add_commands(root)
    shutil.copytree(SYSTEM_UNITS, root / "lib/systemd/system", symlinks=True)
    return root
