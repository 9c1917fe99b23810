"""What a machine's own files and programs tell, read from a tree on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.bench.energy import measure_energy
from edge.bench.machine import LoadMeter, read_machine
from edge.bench.sensors import Sensors, read_sensors
from edge.engine.environment import hash_code
from tests.edge.bench.sensor_tree import (
    CPU_JIFFIES,
    write_file,
    write_monitor,
    write_pi,
    write_program,
    write_rapl,
)

TEGRASTATS = (
    "RAM 2448/7620MB (lfb 4x4MB) CPU [2%@1510,off] GR3D_FREQ 0% cpu@45.5C gpu@44.1C tj@46C "
    "cv0@-256C VDD_IN 4862mW/4862mW VDD_CPU_GPU_CV 486mW/486mW"
)


def test_board_with_nothing_to_tell_tells_nothing(tmp_path: Path) -> None:
    assert read_sensors(tmp_path) == Sensors()
    assert read_sensors(tmp_path).hottest_c is None


def test_pi_tells_heat_clock_governor_and_throttling(tmp_path: Path) -> None:
    found = read_sensors(write_pi(tmp_path, word="50005"))
    assert found.temperatures_c == {"cpu-thermal": 48.312}
    assert found.hottest_c == 48.312
    assert found.clocks_mhz == found.most_clocks_mhz == (1800.0,) * 4
    assert set(found.governors) == {"performance"}
    assert found.throttle_word == "0x50005"
    assert found.now == found.since_boot == ("under-voltage", "throttled")


def test_bits_since_boot_are_told_apart(tmp_path: Path) -> None:
    found = read_sensors(write_pi(tmp_path, word="a0000"))
    assert (found.now, found.since_boot) == ((), ("clock capped", "soft temperature limit"))


def test_vcgencmd_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "vcgencmd", '[ "$1" = get_throttled ] && echo throttled=0x8')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = read_sensors(write_pi(tmp_path, word="0"))
    assert (found.throttle_word, found.now) == ("0x8", ("soft temperature limit",))


def test_program_that_says_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.bench.sensors._PROGRAM_S", 0.2)
    write_program(tmp_path / "bin", "tegrastats", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert read_sensors(tmp_path) == Sensors()


def test_jetson_tells_through_tegrastats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "tegrastats", f'echo "{TEGRASTATS}"; exec sleep 60')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = read_sensors(tmp_path)
    assert found.temperatures_c == {"cpu": 45.5, "gpu": 44.1, "tj": 46.0}
    assert found.rails_w == {"VDD_IN": 4.862, "VDD_CPU_GPU_CV": 0.486}


def test_rails_are_power_or_current_times_voltage(tmp_path: Path) -> None:
    write_monitor(tmp_path, 0, "ina260", power1_input="5120000", curr1_input="1000")
    write_monitor(
        tmp_path, 1, "ina3221", in1_label="VDD_IN", in1_input="5000", curr1_input="900",
        curr2_input="100",
    )  # fmt: skip
    write_monitor(tmp_path, 2, "k10temp", temp1_input="61500")
    found = read_sensors(tmp_path)
    assert found.rails_w == {"ina260 power1": 5.12, "VDD_IN": 4.5}
    assert found.temperatures_c == {"k10temp temp1": 61.5}


def test_counts_of_throttling_are_added(tmp_path: Path) -> None:
    for core, count in enumerate((3, 4)):
        name = f"sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count"
        write_file(tmp_path, name, f"{count}\n")
    write_monitor(tmp_path, 0, "soctherm_oc", oc1_event_cnt="2")
    assert read_sensors(tmp_path).throttle_events == 9


def test_energy_of_a_call_by_counter(tmp_path: Path) -> None:
    counter = write_rapl(tmp_path)

    def call() -> None:
        counter.write_text(str(int(counter.read_text()) + 5000))

    found = measure_energy("a call", call, tmp_path, 0.05)
    assert found is not None
    assert found.idle_w == 0
    assert found.call_mj == found.above_idle_mj == pytest.approx(5.0, rel=1e-3)
    assert "package-0" in found.sensor


def test_counter_that_starts_again_is_followed(tmp_path: Path) -> None:
    counter = write_rapl(tmp_path, energy_uj=900_000_000, most_uj=1_000_000_000)
    done = []

    def call() -> None:
        if not done:
            counter.write_text("400000000")
        done.append(1)

    found = measure_energy("a call", call, tmp_path, 0.02)
    assert found is not None
    assert found.call_mj * len(done) == pytest.approx(500_000, rel=0.01)


def test_energy_by_rails_takes_the_one_that_feeds_the_board(tmp_path: Path) -> None:
    write_monitor(
        tmp_path, 0, "ina3221", in1_label="VDD_IN", in1_input="5000", curr1_input="1000",
        in2_label="VDD_SOC", in2_input="5000", curr2_input="200",
    )  # fmt: skip
    found = measure_energy("a call", lambda: None, tmp_path, 0.1)
    assert found is not None
    assert (found.idle_w, found.busy_w) == (5.0, 5.0)
    assert found.above_idle_mj == pytest.approx(0.0, abs=1e-6)
    assert found.sensor == "power monitor, VDD_IN"


def test_energy_without_a_sensor_is_none(tmp_path: Path) -> None:
    assert measure_energy("a call", lambda: None, tmp_path, 0.01) is None


def test_machine_is_described_from_its_files(tmp_path: Path) -> None:
    write_pi(tmp_path)
    write_file(tmp_path, "proc/meminfo", "MemTotal:        3884348 kB\n")
    write_file(tmp_path, "etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    found = read_machine(tmp_path)
    assert found.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.memory_mb == 3978
    assert found.system == "Debian GNU/Linux 12 (bookworm)"
    assert found.packages["clinicscope"]
    assert len(found.code_sha256) == 64


def test_pc_is_named_by_its_firmware(tmp_path: Path) -> None:
    write_file(tmp_path, "sys/class/dmi/id/sys_vendor", "LENOVO\n")
    write_file(tmp_path, "sys/class/dmi/id/product_name", "20XW\n")
    assert read_machine(tmp_path).board == "LENOVO 20XW"


def test_code_hash_follows_names_and_contents(tmp_path: Path) -> None:
    write_file(tmp_path, "a.py", "x = 1\n")
    first = hash_code(tmp_path)
    write_file(tmp_path, "notes.txt", "not code")
    assert hash_code(tmp_path) == first
    write_file(tmp_path, "a.py", "x = 2\n")
    second = hash_code(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, hash_code(tmp_path)}) == 3


def test_load_of_others_is_what_this_process_did_not_use(tmp_path: Path) -> None:
    write_pi(tmp_path)
    meter = LoadMeter(tmp_path)
    per_s = os.sysconf("SC_CLK_TCK")
    meter._started -= 10
    write_file(tmp_path, "proc/stat", CPU_JIFFIES.format(user=4000 + 8 * per_s, stolen=2 * per_s))
    found = meter.stop()
    assert found.others_cores == pytest.approx(1.0, abs=0.05)
    assert found.stolen_cores == pytest.approx(0.2, abs=0.01)
    assert found.load_average == 0.08


def test_load_is_none_where_the_system_does_not_tell(tmp_path: Path) -> None:
    found = LoadMeter(tmp_path).stop()
    assert (found.others_cores, found.stolen_cores, found.load_average) == (None, None, None)
