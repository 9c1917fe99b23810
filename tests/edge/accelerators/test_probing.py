"""What there is and why something is not: files and devices as the kernel shows them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edge.accelerators import AcceleratorSettings, probe
from edge.accelerators.libraries import (
    edgetpu_devices,
    installed_version,
    library_path,
    nvidia_devices,
    provider_file,
)
from edge.accelerators.plan import plan
from edge.accelerators.probing import ACCELERATORS, PROVIDERS, keys_of, probe_one
from edge.accelerators.proof import list_edgetpus
from edge.accelerators.settings import with_flags
from edge.commands.shared import accelerator_flags, accelerator_options
from edge.config import DeviceConfig, load_config
from edge.contract.errors import ConfigError, RuntimeUnavailableError
from edge.runtimes.base import RUNTIMES


def usb_device(root: Path, name: str, vendor: str, product: str) -> None:
    folder = root / "sys/bus/usb/devices" / name
    folder.mkdir(parents=True)
    (folder / "idVendor").write_text(f"{vendor}\n")
    (folder / "idProduct").write_text(f"{product}\n")


def pci_device(root: Path, name: str, vendor: str, device: str) -> None:
    folder = root / "sys/bus/pci/devices" / name
    folder.mkdir(parents=True)
    (folder / "vendor").write_text(f"0x{vendor}\n")
    (folder / "device").write_text(f"0x{device}\n")


def test_edge_tpus_are_found_by_their_ids(tmp_path: Path) -> None:
    assert edgetpu_devices(tmp_path) == []
    usb_device(tmp_path, "1-1", "1d6b", "0002")
    usb_device(tmp_path, "2-1", "18D1", "9302")
    usb_device(tmp_path, "2-2", "1a6e", "089a")
    (tmp_path / "sys/bus/usb/devices/2-2:1.0").mkdir()
    assert edgetpu_devices(tmp_path) == ["USB 2-1", "USB, not yet started 2-2"]


def test_pcie_edge_tpu_without_its_driver_is_said(tmp_path: Path) -> None:
    pci_device(tmp_path, "0000:01:00.0", "1ac1", "089a")
    pci_device(tmp_path, "0000:02:00.0", "10de", "2331")
    assert edgetpu_devices(tmp_path) == ["PCIe 0000:01:00.0, without its driver (no /dev/apex_0)"]
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/apex_0").touch()
    assert edgetpu_devices(tmp_path) == [f"PCIe {tmp_path / 'dev/apex_0'}"]


def test_gpus_of_cards_and_of_jetsons_are_found(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert nvidia_devices(tmp_path) == []
    for name in ("nvidia0", "nvhost-gpu"):
        (tmp_path / "dev" / name).touch()
    assert nvidia_devices(tmp_path) == [
        str(tmp_path / f"dev/{n}") for n in ("nvidia0", "nvhost-gpu")
    ]


def test_library_is_found_by_path_then_by_the_loader(tmp_path: Path) -> None:
    (tmp_path / "libfirst.so").touch()
    assert library_path(("libnone.so", "libfirst.so"), [tmp_path]) == str(tmp_path / "libfirst.so")
    assert library_path(("libc.so.6",), []).startswith("libc.so")
    assert library_path(("libno-such-thing.so",), [tmp_path]) == ""


def test_every_accelerator_is_listed_with_a_reason(library: Path) -> None:
    found = {one.key: one for one in probe()}
    assert tuple(found) == ACCELERATORS
    assert found["litert/cpu"].present and found["litert/cpu"].version
    for one in found.values():
        assert one.present != bool(one.why), one.key
    assert "give --delegate PATH" in found["litert/delegate"].why
    with_delegate = probe_one("litert/delegate", AcceleratorSettings(delegate=str(library)))
    assert with_delegate.present and with_delegate.device
    assert with_delegate.device.name == "delegate libdrawn.so"
    gone = probe_one("litert/delegate", AcceleratorSettings(delegate="/no/such.so"))
    assert gone.why == "no library at /no/such.so"


def test_edge_tpu_needs_library_and_device(library: Path) -> None:
    named = probe_one("litert/edgetpu", AcceleratorSettings(edgetpu_library=str(library)))
    if edgetpu_devices():
        assert named.present
    else:
        assert named.why == f"no Edge TPU is attached ({library} is there)"
    gone = probe_one("litert/edgetpu", AcceleratorSettings(edgetpu_library="/no/libedgetpu.so"))
    assert gone.why == "no library at /no/libedgetpu.so"


def test_edge_tpus_are_listed_by_their_library_in_another_process(library: Path) -> None:
    assert list_edgetpus(str(library)) == ("Drawn 1.0", ["USB drawn-tpu"])
    with pytest.raises(RuntimeUnavailableError, match="undefined symbol: edgetpu_list_devices"):
        list_edgetpus("libc.so.6")


def test_absent_providers_name_what_to_install() -> None:
    for name in PROVIDERS:
        found = probe_one(f"onnx/{name}")
        if not found.present:
            assert f"install its build for {name}" in found.why or "no NVIDIA GPU" in found.why
    assert provider_file("no-such") == ""


def test_runtime_that_is_not_installed_is_absent() -> None:
    assert installed_version("litert")
    if installed_version("tflite_runtime") is None:
        assert "clinicscope[legacy]" in probe_one("tflite_runtime/cpu").why


def test_names_mean_one_or_several_accelerators() -> None:
    assert keys_of("edgetpu") == ("litert/edgetpu", "tflite_runtime/edgetpu")
    assert keys_of("onnx/cuda") == keys_of("cuda") == ("onnx/cuda",)
    with pytest.raises(ConfigError, match=r"accelerator is 'abacus'; known: litert/cpu, "):
        keys_of("abacus")


def test_flags_go_before_the_settings() -> None:
    settings = AcceleratorSettings(names=("cuda", "edgetpu"), delegate="/a.so")
    assert with_flags(settings, None, None) == settings
    assert with_flags(settings, "cpu", None).names == ("cpu",)
    told = with_flags(settings, None, "/b.so?fault=none&after=3")
    assert (told.names, told.delegate) == (("delegate",), "/b.so")
    assert told.delegate_options == {"fault": "none", "after": "3"}
    assert with_flags(settings, None, "/b.so").delegate_options == {}
    with pytest.raises(ConfigError, match="give PATH\\?KEY=VALUE"):
        with_flags(settings, None, "/b.so?fault")


def test_settings_out_of_range_are_refused() -> None:
    for wrong in (
        {"proof_timeout_s": 0.0},
        {"call_timeout_s": -1.0},
        {"build_timeout_s": 1e6},
        {"restarts": -1},
        {"delegate_options": {"a": "b"}},
    ):
        with pytest.raises(ConfigError, match=r"accelerators\."):
            AcceleratorSettings(**wrong)


def test_config_file_sets_them(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[accelerators]\nnames = ["tensorrt"]\nrestarts = 0\n'
        'provider_options = {"tensorrt.trt_fp16_enable" = "1", "openvino.device_type" = "GPU"}\n'
    )
    settings = load_config(tmp_path).accelerators
    assert (settings.names, settings.restarts) == (("tensorrt",), 0)
    assert settings.options_for("tensorrt") == {"trt_fp16_enable": "1"}
    (tmp_path / "config.toml").write_text("[accelerators]\nspeed = 11\n")
    with pytest.raises(ConfigError, match="unknown keys"):
        load_config(tmp_path)


def test_plan_ends_with_the_processor() -> None:
    own = [f"{name}" for name in RUNTIMES]
    keys = [step.key for step in plan(AcceleratorSettings(), (), 0, None)]
    assert keys[-len(own) :] == own
    asked = plan(AcceleratorSettings(names=("onnx/cpu",)), (), 2, None)
    assert [step.key for step in asked] == ["onnx/cpu", "litert", "tflite_runtime"]
    assert asked[0].asked and asked[0].way and asked[0].way.threads == 2
    assert [step.key for step in plan(AcceleratorSettings(names=("cpu",)), (), 0, None)] == own


def test_plan_keeps_to_the_runtimes_that_are_allowed() -> None:
    steps = plan(AcceleratorSettings(names=("edgetpu",)), ("onnx",), 0, None)
    assert [step.key for step in steps] == ["edgetpu", "onnx"]
    assert "only onnx may be used" in steps[0].why


def test_default_config_asks_for_nothing() -> None:
    assert DeviceConfig().accelerators == AcceleratorSettings()


def test_flags_go_on_to_what_a_command_starts() -> None:
    @click.command()
    @accelerator_options
    def command() -> None:
        click.echo(json.dumps(accelerator_flags()))

    given = ["--delegate", "/b.so?a=b", "--accelerator", "cpu"]
    told = CliRunner().invoke(command, given)
    assert json.loads(told.output) == ["--accelerator", "cpu", "--delegate", "/b.so?a=b"]
    assert json.loads(CliRunner().invoke(command).output) == []
