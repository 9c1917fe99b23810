"""RAUC itself reads the devices' slots, takes signed images alone, and asks our boot backend."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.firmware import units
from tests.support.tiny_application import ROOT

RAUC = ROOT / "firmware_config" / "update" / "rauc"
BOARDS = ("rpi4", "rpi5", "jetson_orin_nano")
IMAGE_BYTES = 256 * 1024
_MANIFEST = """[update]
compatible=clinicscope-{board}
version=0.2.0
[bundle]
format={form}
[image.rootfs]
filename=rootfs.ext4
[image.boot]
filename=boot.vfat
"""
# Install into B, start it once, find it good: two lives of RAUC's service on a bus of its own.
_SESSION = """
set -eu
export DBUS_STARTER_BUS_TYPE=session
service() { rauc -c run.conf --override-boot-slot=$1 --mount=mnt service > service.log 2>&1 & }
until_up() { for _ in $(seq 100); do rauc status >/dev/null 2>&1 && return; sleep 0.1; done; }
service A; until_up
rauc install "$PWD/{bundle}" > install.log 2>&1
kill $!; wait || true
cat select/try
printf '\\0\\0\\0\\3' > chosen/partition
service B; until_up
rauc status mark-good > good.log 2>&1
rauc status --output-format=json
kill $!
"""


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def make_certificate(folder: Path, name: str) -> None:
    """A key and what shows it, as an engineer makes them."""
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")
    files = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/O=test/CN={name}")
    assert run(*words, *files, cwd=folder).returncode == 0


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed images of both formats, and a stranger's certificate."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("ours", "stranger"):
        make_certificate(folder, name)
    content = folder / "content"
    content.mkdir()
    for name in ("rootfs.ext4", "boot.vfat"):
        (content / name).write_bytes(os.urandom(IMAGE_BYTES))
    for form in ("verity", "plain"):
        (content / "manifest.raucm").write_text(_MANIFEST.format(board="rpi5", form=form))
        made = run(
            "rauc", "bundle", "--cert=ours.pem", "--key=ours.key", "content", f"{form}.raucb",
            cwd=folder,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
    return folder


def config_of(board: str, folder: Path, **changes: str) -> Path:
    """The board's system.conf with the test's own certificate."""
    text = (RAUC / f"system-{board}.conf").read_text()
    for pattern, new in {r"path=.*": f"path={folder}/ours.pem", **changes}.items():
        text, count = re.subn(f"^{pattern}$", new, text, flags=re.MULTILINE)
        assert count, pattern
    path = folder / f"{board}.conf"
    path.write_text(text)
    return path


@pytest.mark.parametrize("board", BOARDS)
def test_rauc_reads_the_slots_of_each_board(board: str, images: Path) -> None:
    told = run("rauc", "-c", config_of(board, images), "info", "verity.raucb", cwd=images)
    assert told.returncode == 0, told.stderr
    assert "Verified inline signature by 'O = test, CN = ours'" in told.stderr
    # It is no reader that takes everything.
    wrong = config_of(board, images, **{"bootloader=custom": "bootloader=custom\nbogus=1"})
    told = run("rauc", "-c", wrong, "info", "verity.raucb", cwd=images)
    assert told.returncode != 0
    assert "Invalid key 'bogus'" in told.stderr
    text = (RAUC / f"system-{board}.conf").read_text()
    for script in re.findall(r"=/usr/local/lib/clinicscope/rauc/(\S+)", text):
        assert os.access(RAUC / script, os.X_OK), script


def test_image_of_a_stranger_cut_off_or_altered_is_refused(images: Path, tmp_path: Path) -> None:
    told = run("rauc", "info", "--keyring=stranger.pem", "verity.raucb", cwd=images)
    assert told.returncode != 0
    assert "signature verification failed" in told.stderr
    data = (images / "verity.raucb").read_bytes()
    altered = bytearray(data)
    altered[-200] ^= 1  # of the signature and what it signs
    for name, content in (("cut", data[:-100]), ("altered", bytes(altered))):
        (tmp_path / f"{name}.raucb").write_bytes(content)
        told = run("rauc", "info", f"--keyring={images}/ours.pem", f"{name}.raucb", cwd=tmp_path)
        assert told.returncode != 0, name


def test_image_is_installed_started_once_and_found_good(images: Path, tmp_path: Path) -> None:
    """The Pi's, with RAUC's own service. Its format is the plain one: dm-verity is the kernel's."""
    (tmp_path / "mnt").mkdir()
    for slot in ("root-a", "boot-a", "root-b", "boot-b"):
        (tmp_path / slot).write_bytes(bytes(2 * IMAGE_BYTES))
    make_select(tmp_path)
    config = config_of(
        "rpi5",
        images,
        **{
            "bundle-formats=verity": "bundle-formats=plain",
            "statusfile=.*": f"statusfile={tmp_path}/status",
            "(pre|post)-install=.*": "",
            r"bootloader-custom-backend=.*": f"bootloader-custom-backend={RAUC}/boot-tryboot",
            r"device=/dev/disk/by-partlabel/(.*)": rf"device={tmp_path}/\1",
        },
    )
    shutil.copyfile(config, tmp_path / "run.conf")
    done = run(
        "dbus-run-session", "--", "bash", "-c", _SESSION.replace("{bundle}", "plain.raucb"),
        cwd=shutil.copytree(images, tmp_path, dirs_exist_ok=True),
        CLINICSCOPE_SELECT=str(tmp_path / "select"),
        CLINICSCOPE_CHOSEN=str(tmp_path / "chosen"),
    )  # fmt: skip
    log = (tmp_path / "service.log").read_text()
    if "loop" in log and "ermi" in log:
        pytest.skip("this user may make no loop device")
    assert done.returncode == 0, (log, done.stderr)
    told = done.stdout.splitlines()
    assert told[0] == "B"
    found = json.loads(told[-1])
    assert (found["booted"], found["boot_primary"]) == ("B", "rootfs.1")
    image = (tmp_path / "content" / "rootfs.ext4").read_bytes()
    assert (tmp_path / "root-b").read_bytes()[:IMAGE_BYTES] == image
    assert not any((tmp_path / "root-a").read_bytes())
    assert "[all]\ntryboot_a_b=1\nboot_partition=3\n" in read_table(tmp_path)


def make_select(folder: Path, running: int = 2) -> None:
    """The partition that chooses: A is good."""
    (folder / "select").mkdir()
    (folder / "chosen").mkdir()
    (folder / "chosen" / "partition").write_bytes(running.to_bytes(4, "big"))
    table = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
    (folder / "select" / "autoboot.txt").write_text(table)


def read_table(folder: Path) -> str:
    return (folder / "select" / "autoboot.txt").read_text()


def tryboot(folder: Path, *words: str) -> str:
    done = run(
        RAUC / "boot-tryboot", *words, cwd=folder,
        CLINICSCOPE_SELECT=str(folder / "select"), CLINICSCOPE_CHOSEN=str(folder / "chosen"),
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else f"refused: {done.stderr.strip()}"


def test_image_on_trial_that_is_not_well_is_left_by_a_restart(tmp_path: Path) -> None:
    make_select(tmp_path, running=3)
    assert tryboot(tmp_path, "set-primary", "B") == ""
    assert [tryboot(tmp_path, word) for word in ("get-primary", "get-current")] == ["B", "B"]
    environment = {
        "CLINICSCOPE_SELECT": str(tmp_path / "select"),
        "CLINICSCOPE_CHOSEN": str(tmp_path / "chosen"),
        "CLINICSCOPE_RESTART": "echo restarts",
    }
    told = run(RAUC / "leave-trial", cwd=tmp_path, **environment)
    assert (told.returncode, told.stdout) == (0, "restarts\n")
    assert tryboot(tmp_path, "get-state", "B") == "bad"
    assert tryboot(tmp_path, "get-primary") == "A"
    assert "[all]\ntryboot_a_b=1\nboot_partition=2\n" in read_table(tmp_path)
    # The image known to be good stays, however unwell it is.
    (tmp_path / "chosen" / "partition").write_bytes((2).to_bytes(4, "big"))
    assert run(RAUC / "leave-trial", cwd=tmp_path, **environment).stdout == ""
    assert "no slot is called 'C'" in tryboot(tmp_path, "set-primary", "C")
    assert "no state is called 'fine'" in tryboot(tmp_path, "set-state", "A", "fine")
    assert "usage" in tryboot(tmp_path, "nothing")


# What L4T's tool answers, by its manual; the tool itself is on the board alone.
_NVBOOTCTRL = """#!/bin/sh
shift 2
echo "$@" >> {log}
case $1 in
  get-current-slot) echo 0 ;;
  get-active-slot) echo 1 ;;
  is-slot-bootable) [ "$2" = 0 ] ;;
esac
"""


def test_jetsons_backend_asks_its_own_tool(tmp_path: Path) -> None:
    log, tool = tmp_path / "asked", tmp_path / "nvbootctrl"
    tool.write_text(_NVBOOTCTRL.format(log=log))
    tool.chmod(0o755)

    def ask(*words: str) -> str:
        done = run(RAUC / "boot-nvbootctrl", *words, cwd=tmp_path, NVBOOTCTRL=str(tool))
        return done.stdout.strip() or done.stderr.strip()

    assert [ask("get-current"), ask("get-primary")] == ["A", "B"]
    assert [ask("get-state", "A"), ask("get-state", "B")] == ["good", "bad"]
    for words in (("set-primary", "B"), ("set-state", "A", "good"), ("set-state", "B", "bad")):
        assert ask(*words) == ""
    asked = log.read_text().splitlines()
    assert [one for one in asked if one.startswith(("set", "mark"))] == [
        "set-active-boot-slot 1",
        "mark-boot-successful",
        "set-slot-as-unbootable 1",
    ]
    assert "no slot is called 'C'" in ask("get-state", "C")


def test_image_waits_for_the_specimen_at_work_and_the_program_on_trial(tmp_path: Path) -> None:
    command = tmp_path / "current" / "bin" / "clinicscope"
    command.parent.mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()

    def ask(screening: bool) -> subprocess.CompletedProcess[str]:
        command.write_text(f"#!/bin/sh\necho '{json.dumps({'screening': screening})}'\n")
        command.chmod(0o755)
        return run(
            RAUC / "pre-install", cwd=tmp_path, CLINICSCOPE_ROOT=str(tmp_path),
            CLINICSCOPE_HOME=str(home),
        )  # fmt: skip

    assert ask(screening=False).returncode == 0
    told = ask(screening=True)
    assert told.returncode == 1
    assert "a specimen is being screened" in told.stderr
    (tmp_path / "trial.json").touch()
    assert "is on trial" in ask(screening=False).stderr


def test_unit_that_finds_an_image_good_is_sound_and_well_closed(tmp_path: Path) -> None:
    shutil.copytree(units.SYSTEM_UNITS, tmp_path / "lib/systemd/system", symlinks=True)
    names = [f"clinicscope-mark-good.{kind}" for kind in ("service", "timer")]
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    for name in names:
        shutil.copy(RAUC / name, tmp_path / "etc/systemd/system")
    units.add_commands(tmp_path)
    for program in ("usr/bin/rauc", "bin/sh"):
        shutil.copy("/bin/true", tmp_path / program)
    told = units.run("systemd-analyze", "verify", "--root", tmp_path, "--man=no", *names).stdout
    assert [line for line in told.splitlines() if "clinicscope" in line] == []
    assert units.exposures(tmp_path)["clinicscope-mark-good.service"] <= 2.5


def test_scripts_are_sound() -> None:
    scripts = [path for path in RAUC.iterdir() if path.read_text().startswith("#!/bin/sh")]
    guard = RAUC.parent / "update-guard"
    told = run("shellcheck", guard, *scripts, ROOT / "tests/firmware/install_rauc.sh", cwd=RAUC)
    assert told.returncode == 0, told.stdout
