"""The definitions of images agree with each other and with the installer; a container's health."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.appliance import page

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware_config"
IMAGE = FIRMWARE / "image"
RPI = IMAGE / "rpi-image-gen"
STAGE = IMAGE / "pi-gen" / "stage-clinicscope"


def names(path: Path) -> list[str]:
    """Packages in a list."""
    return [line for line in path.read_text().split("\n") if line and not line.startswith("#")]


def usage() -> str:
    """What the installer says of its options."""
    said = subprocess.run(
        ["bash", FIRMWARE / "install.sh", "--help"], check=True, capture_output=True, text=True
    )
    return said.stdout


def test_both_builders_install_what_the_boards_need() -> None:
    needed = names(FIRMWARE / "devices" / "rpi5" / "packages")
    assert names(FIRMWARE / "devices" / "rpi4" / "packages") == needed
    assert names(STAGE / "00-install" / "00-packages-nr") == needed
    layer = yaml.safe_load((RPI / "layer" / "clinicscope.yaml").read_text())
    assert layer["mmdebstrap"]["packages"] == needed


def test_packages_of_the_root_are_not_named_twice() -> None:
    both = [*names(IMAGE / "packages.txt"), *names(FIRMWARE / "devices" / "generic" / "packages")]
    assert len(both) == len(set(both))


@pytest.mark.parametrize("model", ["rpi4", "rpi5"])
def test_a_definition_of_rpi_image_gen_names_a_board_and_our_layer(model: str) -> None:
    config = yaml.safe_load((RPI / "config" / f"clinicscope-{model}.yaml").read_text())
    assert config["device"]["layer"] == model
    assert config["clinicscope"]["model"] == model
    head = (RPI / "layer" / "clinicscope.yaml").read_text().partition("# METAEND")[0]
    told = dict(re.findall(r"^# X-Env-([\w-]+): ?(.*)$", head, re.M))
    assert told["Layer-Name"] == config["layer"]["app"]
    assert model in told["Var-model-Valid"].removeprefix("keywords:").split(",")
    for variable in ("project", "model"):
        for part in ("Desc", "Required", "Valid", "Set"):
            assert told[f"Var-{variable}-{part}"]


def test_options_that_builders_give_are_the_installers() -> None:
    layer = (RPI / "layer" / "clinicscope.yaml").read_text()
    stage = (STAGE / "00-install" / "01-run.sh").read_text()
    root = (IMAGE / "make_root.sh").read_text()
    known = usage()
    for text in (layer, stage, root):
        given = [line for line in text.split("\n") if "--model" in line]
        assert given
        for option in re.findall(r" (--[a-z-]+)", " ".join(given)):
            assert option in known


def run_stage(rootfs: Path, work: Path, **settings: str) -> str:
    """As pi-gen runs it: what would be run in the root, with what lies there then."""
    told, lay = work / "told.txt", work / "lay.txt"
    program = (
        f"on_chroot() {{ cat > {told}; ls {rootfs}/var/tmp/clinicscope > {lay}; }}\n"
        "export -f on_chroot; ./01-run.sh"
    )
    subprocess.run(
        ["bash", "-ec", program],
        check=True,
        cwd=STAGE / "00-install",
        env={
            "PATH": "/usr/bin:/bin",
            "ROOTFS_DIR": str(rootfs),
            "CLINICSCOPE": str(ROOT),
            "CLINICSCOPE_MODEL": "rpi5",
        }
        | settings,
    )
    assert {"edge", "web_ui", "firmware_config", "pyproject.toml"} <= set(lay.read_text().split())
    return told.read_text()


def test_the_stage_of_pi_gen_runs_the_installer_in_the_root(tmp_path: Path) -> None:
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    told = run_stage(rootfs, tmp_path)
    assert "install.sh --model rpi5 --no-packages" in told
    assert "--wifi-country" not in told
    assert not (rootfs / "var/tmp/clinicscope").exists()
    assert "--wifi-country KE" in run_stage(rootfs, tmp_path, WPA_COUNTRY="KE")


@pytest.mark.parametrize("missing", ["CLINICSCOPE", "CLINICSCOPE_MODEL"])
def test_an_image_without_a_board_is_refused(missing: str, tmp_path: Path) -> None:
    settings = {"CLINICSCOPE": str(ROOT), "CLINICSCOPE_MODEL": "rpi5", "PATH": "/usr/bin:/bin"}
    del settings[missing]
    done = subprocess.run(
        ["bash", "-c", f"source {IMAGE}/pi-gen/config"],
        check=False,
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert missing in done.stderr


def test_shell_scripts_pass_shellcheck() -> None:
    scripts = [*IMAGE.rglob("*.sh"), *(ROOT / "tests" / "appliance").glob("*.sh")]
    subprocess.run(["shellcheck", "-x", *scripts], check=True, cwd=ROOT)


def test_the_container_runs_as_nobody_in_particular_and_is_asked_for_its_health() -> None:
    text = (IMAGE / "Containerfile").read_text().replace("\\\n", " ")
    steps = [
        tuple(line.split(maxsplit=1)) for line in text.split("\n") if line and line[0] not in "# "
    ]
    words = dict(steps)
    assert words["USER"] == "clinicscope"
    assert "healthy.py" in words["HEALTHCHECK"]
    assert f":{words['EXPOSE']}/healthz" in words["HEALTHCHECK"]
    assert words["EXPOSE"] in words["CMD"]
    assert words["VOLUME"] in words["ENV"]


@pytest.fixture
def server() -> Iterator[str]:
    """Answers with the status that its address ends in."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.strip("/")))
            self.end_headers()
            self.wfile.write(b"safe mode")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as answers:
        threading.Thread(target=answers.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{answers.server_port}"
        answers.shutdown()


@pytest.mark.parametrize(("path", "code"), [("/200", 0), ("/503", 1)])
def test_health_of_a_container(server: str, path: str, code: int) -> None:
    done = subprocess.run([sys.executable, IMAGE / "healthy.py", server + path], check=False)
    assert done.returncode == code


def test_a_container_that_does_not_answer_is_not_healthy() -> None:
    done = subprocess.run(
        [sys.executable, IMAGE / "healthy.py", "http://127.0.0.1:9/healthz"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_a_page_is_waited_for(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main([f"{server}/503", "--status", "200", "503", "--contains", "safe"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == 503
    assert page.main([f"{server}/503", "--within", "0"]) == 1
    capsys.readouterr()
    assert page.main(["http://127.0.0.1:9/", "--within", "0"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == 0
