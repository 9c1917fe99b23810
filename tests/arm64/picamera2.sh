#!/usr/bin/env bash
# The real picamera2 with Debian's libcamera, for arm64, and no camera: picamera2.sh WORK PYTHON
#
# In a root of its own: libcamera's bindings for Python came with Debian 13.
set -euo pipefail
work=$1
PIP=$(dirname "$2")/pip
here=$(dirname "$0")
root=$work/picamera2
source firmware_config/image/common.sh
RELEASE=trixie
FROM_DEBIAN=(python3 libstdc++6 python3-libcamera libcamera-ipa python3-av python3-piexif
  python3-libarchive-c python3-prctl python3-jsonschema python3-pil python3-tqdm libpython3-dev)

# PiDNG, by which picamera2 writes raw files, has no wheel: its C is compiled for arm64 here.
install_pidng() {
  local packages=$1 python=$2 source
  rm -rf "$work/pidng"
  mkdir -p "$work/pidng"
  pick_locked "$here/picamera2.lock" pidng > "$work/pidng.lock"
  "$PIP" download --quiet --no-deps --no-build-isolation --no-binary pidng --require-hashes \
    --dest "$work/pidng" -r "$work/pidng.lock"
  tar xzf "$work"/pidng/*.tar.gz -C "$work/pidng"
  source=$(echo "$work"/pidng/*/src/pidng)
  cp -r "$source" "$packages"
  "$CROSS" -w -shared -fPIC -O1 -std=gnu99 -I "$root/usr/include/$python" \
    -idirafter "$root/usr/include" -I "$packages/numpy/_core/include" \
    -o "$packages/ljpegCompress.so" "$source/bitunpack.c" "$source/liblj92/lj92.c"
}

build_root() {
  local python packages
  rm -rf "$root" "$work/picamera2-wheels"
  mkdir -p "$work/picamera2-wheels"
  debian_sources "$RELEASE" > "$work/picamera2.list"
  unpack_debian "$work/picamera2.list" "$root" "${FROM_DEBIAN[@]}"
  python=$(basename "$(readlink -f "$root/usr/bin/python3")")
  packages=$root/usr/local/lib/$python/dist-packages
  mkdir -p "$packages"
  pick_locked requirements/device.lock click numpy opencv-python-headless platformdirs \
    > "$work/picamera2-wheels.lock"
  pick_locked "$here/picamera2.lock" openexr picamera2 simplejpeg videodev2 \
    >> "$work/picamera2-wheels.lock"
  fetch_wheels "$python" "$work/picamera2-wheels" --require-hashes -r "$work/picamera2-wheels.lock"
  unpack_wheels "$python" "$packages" "$work"/picamera2-wheels/*.whl
  install_pidng "$packages" "$python"
  cp "$here/display_without_bindings.py" "$packages/pykms.py"
}

install_tools
install_compiler
register_arm64
key=$(cat requirements/device.lock "$here/picamera2.lock" "$here/display_without_bindings.py" \
  "$0" firmware_config/image/common.sh | sha256sum)
if [ ! -f "$root/.key" ] || [ "$(cat "$root/.key")" != "$key" ]; then
  build_root
  printf '%s\n' "$key" > "$root/.key"
fi
inside "$root" python3 /clinicscope/tests/edge/cameras/picamera2_without_camera.py
