"""Root's work on what is not root's: done by a process of the user whom the data belong to.

The service can put whatever it likes into its data directory, links among it. So root opens, makes
and removes nothing there itself.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.config import HOME_VARIABLE
from edge.contract.errors import UpdateError
from edge.store.files import disk_errors

_MOST_TOLD = 600


class Owner:
    """The user of a data directory. Where this process is not root's, it is that user itself."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._who = _user_of(home)

    def run(self, words: Sequence[str | Path], timeout_s: float) -> str:
        """Runs a program to its end; gives what it wrote on standard output.

        Raises:
            UpdateError: it failed, took too long, or cannot be started; with its last words.
        """
        try:
            done = subprocess.run(
                [str(word) for word in words], capture_output=True, text=True, errors="replace",
                timeout=timeout_s, check=False, env=self._environment(), cwd="/", **self._who,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise UpdateError(f"{_named(words)} did not end within {timeout_s:.0f} s") from error
        except OSError as error:
            raise UpdateError(f"{_named(words)} cannot be started ({error.strerror})") from error
        if done.returncode:
            told = (done.stderr or done.stdout).strip()[-_MOST_TOLD:] or f"code {done.returncode}"
            raise UpdateError(f"{_named(words)} failed: {told}")
        return str(done.stdout)

    def copy_out(self, path: Path, to: Path, most_bytes: int) -> None:
        """Copies a file of the owner's to where root alone writes.

        Raises:
            UpdateError: it cannot be read, or is larger than that.
        """
        # One byte more than is allowed tells that there is more.
        words = ["head", "-c", str(most_bytes + 1), "--", str(path)]
        with disk_errors(to, 0), to.open("xb") as file:
            done = subprocess.run(
                words, stdout=file, stderr=subprocess.PIPE, check=False,
                env=self._environment(), cwd="/", **self._who,
            )  # fmt: skip
            size = to.stat().st_size
            os.fsync(file.fileno())
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()[-_MOST_TOLD:]
            raise UpdateError(f"{path} cannot be copied ({told}); free some space, copy it again")
        if size > most_bytes:
            raise UpdateError(f"{path.name} is larger than {most_bytes:,} bytes; refused")

    def remove(self, path: Path) -> None:
        """Removes a file of the owner's."""
        with suppress(UpdateError):
            self.run(["rm", "-f", "--", path], 30)

    def _environment(self) -> Mapping[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG")}
        return {"PATH": os.defpath, **kept, HOME_VARIABLE: str(self.home)}


def running_command() -> Path:
    """The program of this process's environment."""
    return Path(sys.executable).with_name("clinicscope")


def _user_of(home: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwuid(home.stat().st_uid)
    except FileNotFoundError as error:
        raise UpdateError(f"there is no data directory {home}; set CLINICSCOPE_HOME") from error
    except KeyError as error:
        raise UpdateError(f"{home} belongs to nobody that this system knows; chown it") from error
    groups = os.getgrouplist(found.pw_name, found.pw_gid)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": groups}


def _named(words: Sequence[str | Path]) -> str:
    return " ".join([Path(words[0]).name, *map(str, words[1:3])])
