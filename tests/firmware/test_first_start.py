"""The first start as its unit makes it: first the service's user, then root with little left."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from tests.firmware.units import run

# In a system of its own in place of this machine's: name of the host, /etc, /run, /usr/local.
_ON_A_DEVICE = """
set -eu
work=$1 python=$2
for place in etc usr/local; do
  mkdir -p "$work/up/$place" "$work/aside/$place"
  mount -t overlay none "/$place" \
    -o "lowerdir=/$place,upperdir=$work/up/$place,workdir=$work/aside/$place"
done
mount -t tmpfs none /run
mkdir -p /var/lib
mount -t tmpfs none /var/lib
bash firmware_config/install.sh --model generic --no-program --no-packages >/dev/null
export CLINICSCOPE_HOME=/var/lib/clinicscope PYTHONDONTWRITEBYTECODE=1
program="import sys; sys.path.insert(0, '.'); from edge.cli import script; script()"
user="setpriv --reuid clinicscope --regid clinicscope --init-groups"
bounds="setpriv --bounding-set=-all,+sys_admin,+chown,+dac_read_search --inh-caps=-all"
filter="/usr/bin/python3 tests/firmware/under_filter.py"
unit=firmware_config/systemd/clinicscope-first-boot.service
$user "$python" -c "$program" device name
$bounds $filter $unit "$python" -c "$program" device set-up
hostname
stat -c '%a %U:%G %n' /etc/clinicscope/hotspot.json \
  /etc/NetworkManager/system-connections/clinicscope-hotspot.nmconnection \
  /run/issue.d/clinicscope.issue /var/lib/clinicscope/device.json
cat /run/issue.d/clinicscope.issue
# What the page may know, and what it may not.
$user cat /etc/clinicscope/hotspot.json
$user cat /etc/NetworkManager/system-connections/* 2>&1 || true
"""


def test_first_start_makes_one_device_of_an_image(tmp_path: Path) -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    words = [*as_root, "unshare", "--mount", "--uts", "sh", "-c", _ON_A_DEVICE, "sh"]
    done = run(*words, tmp_path / "work", sys.executable)
    assert done.returncode == 0, done.stdout
    called = re.search(r"this device is called (clinicscope-\w{4})\n", done.stdout)
    assert called, done.stdout
    lines = done.stdout.splitlines()
    assert lines.count(called[1]) == 2, "the program says it, and so does the host"
    assert "640 root:clinicscope /etc/clinicscope/hotspot.json" in lines
    assert "600 root:root /run/issue.d/clinicscope.issue" in lines
    assert "644 clinicscope:clinicscope /var/lib/clinicscope/device.json" in lines
    secret = re.search(r"Wi-Fi \S+, password (\S+)", done.stdout)
    assert secret and f'"password": "{secret[1]}"' in done.stdout
    assert lines[-1].endswith("Permission denied")
