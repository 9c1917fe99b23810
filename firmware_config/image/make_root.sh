#!/usr/bin/env bash
# The device's root of files: bash firmware_config/image/make_root.sh WORK PYTHON [DEVICE]
#
# Debian, the program and its units, installed by install.sh as on any other system, into
# WORK/$ARCH/root (ARCH=arm64 if not set). PYTHON is one whose pip and setuptools make our wheel.
# What a board starts by, its kernel and firmware, is not in it: pi-gen and rpi-image-gen add those,
# and JetPack has its own. With PACK=yes also WORK/clinicscope-$ARCH.squashfs.
set -euo pipefail
PIP=$(dirname "$2")/pip
here=firmware_config/image
source firmware_config/image/common.sh
work=$1/$ARCH
device=${3:-generic}
root=$work/root
mkdir -p "$work"
# What the device needs and, before it, what a bare root lacks of any Debian system.
mapfile -t packages < <(grep -vh '^#' $here/packages.txt firmware_config/devices/generic/packages)

# Configured under emulation where this is another machine, which takes minutes: kept, and made
# again when what it is made of changes.
make_base() {
  local key
  debian_sources "" > "$work/debian.list"
  key=$(cat "$work/debian.list" <(printf '%s\n' "${packages[@]}") | sha256sum)
  [ "$(cat "$work/base.key" 2>/dev/null)" != "$key" ] || return 0
  "${as_root[@]}" rm -rf "$work/base" "$work/base.key"
  configure_debian "$work/debian.list" "$work/base" "${packages[@]}"
  printf '%s\n' "$key" > "$work/base.key"
}

# What install.sh does with pip, done by this machine's: emulated, pip takes half an hour. The
# installer then finds the version there, and puts it in force.
fill_version() {
  local python version target
  python=$(python_of "$root")
  version=$(basename "$work"/wheels/clinicscope-*.whl | cut -d - -f 2)
  target=/opt/clinicscope/versions/$version
  inside "$root" python3 -m venv --without-pip "$target"
  unpack_wheels "$python" "$work/site-packages" "$work"/wheels/*.whl \
    "$root"/usr/share/python-wheels/pip-*.whl
  sed -i "1s|^#!.*python.*|#!$target/bin/python3|" "$work"/site-packages/bin/*
  "${as_root[@]}" cp -r "$work"/site-packages/bin/. "$root$target/bin"
  rm -rf "$work/site-packages/bin"
  "${as_root[@]}" cp -r "$work"/site-packages/. "$root$target/lib/$python/site-packages"
  rm -rf "$work/site-packages"
  "${as_root[@]}" chown -R 0:0 "$root$target"
  inside "$root" "$target/bin/clinicscope" --version
  echo "{\"program\": \"$version\", \"number\": 0, \"records\": \"\"}" |
    "${as_root[@]}" tee "$root$target/version.json" >/dev/null
}

# The same installer as on a system that is there, in the root; its wheels leave again.
install_program() {
  local wheels=/var/tmp/wheels
  "${as_root[@]}" rm -rf "$root"
  "${as_root[@]}" cp -a "$work/base" "$root"
  "${as_root[@]}" mkdir "$root/clinicscope"
  "${as_root[@]}" cp -r "$work/wheels" "$root$wheels"
  native || fill_version
  inside "$root" env PIP_NO_COMPILE=1 bash /clinicscope/firmware_config/install.sh \
    --model "$device" --wheels $wheels --no-packages
  "${as_root[@]}" rm -rf "$root$wheels"
  compile_python "$root" "$(python_of "$root")" opt/clinicscope/versions usr/lib/python3
}

# What must be each device's own, or came from this machine.
forget_this_machine() {
  "${as_root[@]}" rm -rf "$root"/etc/resolv.conf "$root"/var/lib/apt/lists "$root"/var/cache/apt \
    "$root"/var/log/*.log "$root"/var/log/apt "$root"/root/.cache "$root"/var/lib/clinicscope/* \
    "$root"/cpuinfo
  "${as_root[@]}" rmdir "$root/clinicscope"
  # Empty and there: systemd draws an id at each device's first start (machine-id(5)).
  "${as_root[@]}" truncate --size 0 "$root/etc/machine-id"
  "${as_root[@]}" rm -f "$root/var/lib/dbus/machine-id"
  echo clinicscope | "${as_root[@]}" tee "$root/etc/hostname" >/dev/null
}

pack() {
  local image=$work/../clinicscope-$ARCH.squashfs
  install_debian squashfs-tools
  "${as_root[@]}" rm -f "$image"
  "${as_root[@]}" mksquashfs "$root" "$image" -quiet -no-progress -comp zstd \
    -Xcompression-level 6
  echo "   $image: $(($(stat -c %s "$image") / 1000000)) MB"
}

install_tools
register_arm64
step "Debian for $ARCH" make_base
step "wheels for $ARCH" collect_wheels "$(python_of "$work/base")"
step "installation as $device" install_program
step "what is each device's own" forget_this_machine
[ "${PACK:-}" != yes ] || step "image of the root" pack
