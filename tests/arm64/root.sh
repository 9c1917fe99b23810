#!/usr/bin/env bash
# A Debian root for arm64 with the locked packages of a device in it: bash root.sh WORK PIP
#
# Only files are unpacked, on this machine; nothing is configured under emulation, so that a root
# takes seconds. It is made again when the locks or this script change.
set -euo pipefail
work=$1
PIP=$2
root=$work/root
source firmware_config/image/common.sh

install_tools
register_arm64

key=$(cat requirements/device.lock requirements/all.lock "$0" firmware_config/image/common.sh | sha256sum)
[ -f "$root/.key" ] && [ "$(cat "$root/.key")" = "$key" ] && exit 0

rm -rf "$root" "$work/wheels"
mkdir -p "$work/wheels"
debian_sources "" > "$work/debian.list"
unpack_debian "$work/debian.list" "$root" python3 libstdc++6

python=$(basename "$(readlink -f "$root/usr/bin/python3")")
packages=$root/usr/local/lib/$python/dist-packages
# What the suite of runtimes needs beside the device's packages, at the versions of all.lock.
pick_locked requirements/all.lock pytest pytest-timeout iniconfig pluggy onnx onnxruntime \
  > "$work/suite.lock"
for lock in requirements/device.lock "$work/suite.lock"; do
  fetch_wheels "$python" "$work/wheels" --require-hashes -r "$lock"
done
mkdir -p "$packages"
unpack_wheels "$python" "$packages" "$work"/wheels/*.whl
compile_python "$root" "$python" usr/lib/python3 "usr/lib/$python" "usr/local/lib/$python"
printf '%s\n' "$key" > "$root/.key"
