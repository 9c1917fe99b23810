"""Small versions of the program: real wheels, whose command is this project's own in most words.

A version of it takes a second to install, where the real one takes half a minute. What it does of
its own is what a test needs a version to do badly.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edge.updates.application import (
    INFO_FILE,
    NAME,
    WHEELS_FOLDER,
    Versions,
    format_info,
    parse_info,
)
from edge.updates.apply import Device
from edge.updates.as_owner import Owner
from edge.updates.environment import build
from edge.updates.keys import PublicKey, SecretKey
from edge.updates.service_control import NoService
from edge.updates.signature import APPLICATION, SIGNATURE_FILE
from edge.updates.signing import describe, sign_update
from edge.updates.trust import Trust

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
RECORDS = "0001"
# What a version may be made to do.
FAILS_GOLDEN, MIGRATES, ENDS, UNREADY, LARGE = (
    "fails its golden tensors",
    "migrates the records",
    "ends at once",
    "is never ready",
    "is large once it is unpacked",
)
LARGE_BYTES = 48 * 1024**2
_MODULE = """
import json, sqlite3, sys
VERSION, FLAGS, PATHS = {version!r}, {flags!r}, {paths!r}

def script():
    words = sys.argv[1:]
    if words == ["--version"]:
        print("clinicscope, version", VERSION)
    elif words[:2] == ["application", "prove"]:
        if {fails!r} in FLAGS:
            sys.exit("golden logit differs by 3.100, 0.500 is allowed")
        print("sound on nothing")
    elif words[:1] == ["run"]:
        run(words[1])
    else:
        sys.path[:0] = PATHS
        from edge.cli import script as whole
        whole()

def run(port):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    if {migrates!r} in FLAGS:
        import os
        with sqlite3.connect(os.environ["CLINICSCOPE_HOME"] + "/records.db") as records:
            records.execute("UPDATE alembic_version SET version_num = '9999'")
    if {ends!r} in FLAGS:
        sys.exit("broken")
    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            well = {unready!r} not in FLAGS
            self.send_response(200 if well else 503)
            self.end_headers()
            status = "ok" if well else "unready"
            self.wfile.write(json.dumps(dict(status=status, version=VERSION)).encode())
        def log_message(self, *_):
            pass
    HTTPServer(("127.0.0.1", int(port)), Page).serve_forever()
"""


def make_wheel(
    folder: Path, version: str, flags: Sequence[str] = (), name: str = "clinicscope"
) -> Path:
    """A wheel of the program, as pip takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    module = _MODULE.format(
        version=version, flags=list(flags), paths=[str(ROOT), *filter(None, sys.path)],
        fails=FAILS_GOLDEN, migrates=MIGRATES, ends=ENDS, unready=UNREADY,
    )  # fmt: skip
    info = f"{name}-{version}.dist-info"
    files = {
        "tiny_clinicscope.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nclinicscope = tiny_clinicscope:script\n",
    }
    if LARGE in flags:
        files["tiny_filler.txt"] = "0" * LARGE_BYTES
    lines = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def make_content(folder: Path, version: str, flags: Sequence[str] = (), **info: str) -> Path:
    """An update's folder, not signed yet."""
    make_wheel(folder / WHEELS_FOLDER, version, flags)
    told = {"machine": "any", "python": PYTHON, "records": RECORDS} | info
    (folder / INFO_FILE).write_bytes(format_info(version, **told))
    return folder


def make_update(
    folder: Path,
    key: SecretKey,
    version: str,
    number: int,
    flags: Sequence[str] = (),
    devices: Sequence[str] = ("any",),
    **info: str,
) -> Path:
    """A signed update as the zip that a stick carries."""
    content = make_content(folder / f"update-{version}", version, flags, **info)
    told = describe(content, APPLICATION, NAME, number, devices, (), "2026-01-01T00:00:00+00:00")
    sign_update(content, told, key)
    return zip_folder(content, folder / f"update-{version}.zip")


def zip_folder(content: Path, path: Path) -> Path:
    """The same as a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(content.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(content).as_posix())
    return path


def make_device(folder: Path, home: Path, *keys: PublicKey) -> Device:
    """A device with nothing on it that trusts some keys."""
    home.mkdir(parents=True, exist_ok=True)
    trust = Trust({key.key_id: key for key in keys})
    return Device(Versions(folder), Owner(home), trust, NoService())


def put_first_version(device: Device, folder: Path, version: str = "0.1.0") -> None:
    """As an installer does: nobody signed it."""
    content = make_content(folder / f"first-{version}", version)
    (content / SIGNATURE_FILE).touch()
    info = parse_info((content / INFO_FILE).read_bytes())
    made = build(device.versions, info, 0, content)
    (made.path / SIGNATURE_FILE).unlink()
    device.versions.switch(made)
