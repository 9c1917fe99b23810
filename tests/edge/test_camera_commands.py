"""`screen camera:NAME?key=value`: each camera by name, wrong settings, and one that goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.cameras.smear import SmearSettings, draw_field
from edge.config import CameraConfig, load_config
from edge.contract.errors import ConfigError
from tests.support.mjpeg_server import drawn_jpegs, mjpeg_server
from tests.support.videos import write_video

Run = Callable[..., tuple[int, str, str]]
INFECTED = SmearSettings(parasitaemia_fraction=0.2, cells_per_field=110)


def set_config(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(text)


def test_a_network_camera_is_screened_until_nobody_moves_the_slide(
    clinicscope: Run, home: Path, tmp_path: Path
) -> None:
    set_config(home, "[camera]\nidle_s = 2\n")
    with mjpeg_server(drawn_jpegs(1, INFECTED, seed=5)) as server:
        source = f"camera:network?url={server.url}&um_per_px=0.12&timeout_s=1.5"
        code, out, err = clinicscope("screen", source, "--json", tmp_path / "o.json")
    assert code == 0, err
    result = json.loads((tmp_path / "o.json").read_text())
    assert [field["file"].split("-")[0] for field in result["fields"]] == ["network"]
    assert result["slide"]["rbc_count"] > 50 and "fields read" in out


def test_a_camera_that_goes_away_ends_with_what_was_found_and_exit_code_4(
    clinicscope: Run, home: Path, tmp_path: Path
) -> None:
    set_config(home, "[camera]\nwait_s = 1\n")
    with mjpeg_server(drawn_jpegs(3, SmearSettings(parasitaemia_fraction=0), seed=5)) as server:
        server.show_s = 1.2
        unplugging = threading.Timer(6.0, server.stop)
        unplugging.start()
        source = f"camera:network?url={server.url}"
        code, out, err = clinicscope("screen", source, "--json", tmp_path / "o.json")
        unplugging.join()
    assert code == 4 and "there is no camera" in err
    slide = json.loads((tmp_path / "o.json").read_text())["slide"]
    assert slide["verdict"] == "inconclusive" and "Screening did not finish" in slide["why"]
    assert slide["fields_read"] >= 1 and "INCONCLUSIVE" in out


def test_a_video_is_a_source(clinicscope: Run, tmp_path: Path) -> None:
    images = [draw_field(INFECTED, 5, index).image for index in range(2)]
    path = write_video(tmp_path / "slide.avi", [image for image in images for _ in range(8)], 4)
    for source in (path, f"camera:replay?path={path}&every_s=0.5"):
        code, _, err = clinicscope("screen", source, "--json", tmp_path / "o.json")
        assert code == 0, err
        fields = json.loads((tmp_path / "o.json").read_text())["fields"]
        assert [field["file"] for field in fields] == ["slide.avi@0.0s", "slide.avi@2.0s"]
        assert all(field["quality"]["usable"] for field in fields)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("camera:v4l2?device=/dev/video63", 4, "no camera at /dev/video63; plug it in"),
        ("camera:v4l2?device=/dev/null", 4, "/dev/null is no camera"),
        ("camera:v4l2?width_px=wide", 2, "v4l2: width_px is 'wide'; give a whole number"),
        ("camera:v4l2?zoom=3", 2, "camera v4l2 has no setting 'zoom'; it takes device, width_px"),
        ("camera:v4l2?device", 2, "do not fit"),
        ("camera:csi", 4, "this OpenCV has no GStreamer"),
        ("camera:csi?flip=9", 2, "flip is 9; give one of 0"),
        ("camera:picamera2", 4, "picamera2 cannot be imported"),
        ("camera:picamera2?index=x", 2, "index is 'x'; give a whole number"),
        ("camera:network", 2, "url is not set"),
        ("camera:network?url=file:///etc/passwd", 2, "is no camera's"),
        ("camera:network?url=http://127.0.0.1:9/x", 4, "does not answer"),
        ("camera:simulated?seed=x", 2, "seed is 'x'; give a whole number"),
        ("camera:simulated?settings=x", 2, "has no setting 'settings'"),
        ("camera:replay", 3, "path is not set"),
        ("camera:replay?path=/nowhere", 3, "does not exist"),
    ],
)
def test_what_cannot_be_opened_is_said(
    clinicscope: Run, source: str, code: int, message: str
) -> None:
    found, out, err = clinicscope("screen", source)
    assert (found, message in " ".join(err.split())) == (code, True), err
    assert "Traceback" not in out + err


def test_the_devices_camera_is_in_its_config(home: Path) -> None:
    set_config(
        home,
        '[camera]\nname = "v4l2"\nwait_s = 30\n[camera.settings]\n'
        'device = "/dev/video2"\nwidth_px = 1920\nheight_px = 1080\n',
    )
    found = load_config(home).camera
    assert (found.name, found.wait_s, found.idle_s) == ("v4l2", 30.0, 600.0)
    assert found.settings["width_px"] == 1920
    assert load_config(home / "other").camera == CameraConfig()


def test_a_password_in_the_config_is_not_in_its_text(home: Path) -> None:
    set_config(home, '[camera]\nname = "network"\nsettings = {url = "rtsp://u:s3cret@h/"}\n')
    assert "s3cret" not in repr(load_config(home))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[camera]\nnamed = 'v4l2'\n", r"unknown keys \['named'\]"),
        ("[camera]\nwait_s = 0\n", r"wait_s is 0\.0; allowed: 1 to 86400"),
        ("[camera]\nidle_s = nan\n", "idle_s is nan"),
        ("[camera]\nsettings = 3\n", "expected an object"),
    ],
)
def test_a_wrong_camera_table_is_refused(home: Path, text: str, message: str) -> None:
    set_config(home, text)
    with pytest.raises(ConfigError, match=message):
        load_config(home)


def test_doctor_tries_the_devices_camera(clinicscope: Run, home: Path) -> None:
    def said() -> dict[str, str]:
        _, out, _ = clinicscope("doctor", "--json")
        (check,) = (check for check in json.loads(out) if check["name"] == "camera")
        return dict(check)

    assert said()["state"] == "ok" and "none is set in config.toml" in said()["detail"]
    with mjpeg_server(drawn_jpegs(1)) as server:
        set_config(home, f'[camera]\nname = "network"\nsettings = {{url = "{server.url}"}}\n')
        assert said()["detail"] == "network gives frames of 480 x 360 px"
    lost = said()
    assert lost["state"] == "warning" and "does not answer" in lost["detail"] and lost["advice"]
