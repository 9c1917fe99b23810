# shellcheck shell=bash
# shellcheck disable=SC2016,SC2119,SC2154
# What scripts that make a root share: Debian for ARCH (arm64 if not set), wheels for it, running in
# it. Sourced from the top of the project, under `set -euo pipefail`, with `work` and `PIP` set.
ARCH=${ARCH:-arm64}
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
BINFMT=/proc/sys/fs/binfmt_misc

# What Linux and wheels call ARCH.
machine() {
  case $ARCH in
    arm64) echo aarch64 ;;
    amd64) echo x86_64 ;;
    *) echo "no root is made for $ARCH here: give arm64 or amd64" >&2; return 2 ;;
  esac
}

native() { [ "$(uname -m)" = "$(machine)" ]; }

# mmdebstrap, and QEMU where this machine is another.
install_tools() {
  if native; then install_debian mmdebstrap; else install_debian mmdebstrap qemu-user-static; fi
}

# CROSS, a C compiler for arm64.
# shellcheck disable=SC2034  # for who sources this
install_compiler() {
  CROSS=cc
  if native; then install_debian gcc libc6-dev; return; fi
  CROSS=aarch64-linux-gnu-gcc
  install_debian gcc-aarch64-linux-gnu libc6-dev-arm64-cross
}

install_debian() {
  dpkg -s "$@" >/dev/null 2>&1 && return
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The kernel must hand arm64 programs to QEMU. Debian's package sees to it where systemd runs.
register_arm64() {
  ! native || return 0
  [ -e $BINFMT/register ] || "${as_root[@]}" mount -t binfmt_misc binfmt_misc $BINFMT || {
    echo "this kernel has no binfmt_misc, so it cannot run programs for arm64" >&2
    return 4
  }
  [ -e $BINFMT/qemu-aarch64 ] && return
  "${as_root[@]}" tee $BINFMT/register < /usr/lib/binfmt.d/qemu-aarch64.conf >/dev/null
}

# Debian's own sources of this machine, one a line; of another release where one is given.
debian_sources() {
  local release=${1:-}
  local found
  found=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Origin: Debian' 'Created-By: Packages' | sort -u)
  if [ -z "$found" ]; then
    echo "apt has no source of Debian here: nothing to build from" >&2
    return 3
  fi
  if [ -z "$release" ]; then printf '%s\n' "$found"; return; fi
  printf '%s\n' "$found" | grep -Ev -- '-(security|updates) ' | awk -v to="$release" '{$3 = to} 1'
}

# The release that those sources are of.
release_of() { awk '$3 !~ /-/ {print $3; exit}' "$1"; }

# configure_debian LIST ROOT PACKAGE...: a root that could be booted, owned as Debian owns it.
configure_debian() {
  local list=$1 root=$2
  shift 2
  "${as_root[@]}" mmdebstrap --quiet --architectures="$ARCH" --variant=minbase \
    --include="$(IFS=,; echo "$*")" --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    "$(release_of "$list")" "$root" "$list" > "$work/debian.log" 2>&1 || {
    cat "$work/debian.log" >&2
    return 3
  }
}

# unpack_debian LIST ROOT PACKAGE...: those packages and what they need, not configured.
unpack_debian() {
  local list=$1 root=$2
  shift 2
  "${as_root[@]}" mmdebstrap --quiet --architectures="$ARCH" --variant=extract \
    --include="$(IFS=,; echo "$*")" --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    "$(release_of "$list")" "$root" "$list" > "$work/debian.log" 2>&1 || {
    cat "$work/debian.log" >&2
    return 3
  }
  "${as_root[@]}" chown -R "$(id -u)" "$root"
  mkdir -p "$root"/{dev,proc,sys,tmp,root,clinicscope}
}

# pick_locked LOCK NAME...: the entries of those names, hashes and all.
pick_locked() {
  local lock=$1
  shift
  awk -v names="$*" '
    BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
    /^[a-z0-9]/ { split($0, parts, "=="); on = parts[1] in wanted }
    on' "$lock"
}

# What pip must be told to choose for ARCH and that Python instead of for itself.
wheels_for() {
  local python=${1#python} machine minor
  machine=$(machine)
  printf '%s\n' --only-binary=:all: --implementation cp --python-version "$python" \
    --abi "cp${python/./}" --abi abi3 --abi none --platform any
  for minor in $(seq 5 36); do printf -- '--platform\nmanylinux_2_%s_%s\n' "$minor" "$machine"; done
  printf -- '--platform\nmanylinux2014_%s\n' "$machine"
}

# fetch_wheels PYTHON FOLDER PIP-ARGUMENT...
fetch_wheels() {
  local options folder=$2
  mapfile -t options < <(wheels_for "$1")
  shift 2
  "$PIP" download --quiet --no-deps --dest "$folder" "${options[@]}" "$@"
}

# unpack_wheels PYTHON FOLDER WHEEL...
unpack_wheels() {
  local options folder=$2
  mapfile -t options < <(wheels_for "$1")
  shift 2
  "$PIP" install --quiet --no-deps --no-index --no-compile --upgrade --target "$folder" \
    "${options[@]}" "$@"
}

# build_own_wheel FOLDER: this project's, of what stands in it now.
build_own_wheel() {
  local source=$work/source
  rm -rf "$source"
  mkdir -p "$source"
  cp -r edge web_ui train compress pyproject.toml README.md LICENSE "$source"
  "$PIP" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$1" "$source"
  rm -rf "$source"
}

# The Python of a root: python3.11.
python_of() { basename "$(readlink -f "$1/usr/bin/python3")"; }

# collect_wheels PYTHON: those of the device's lock and this project's, into $work/wheels.
collect_wheels() {
  local key
  key=$( (echo "$1" && wheels_for "$1" && cat requirements/device.lock) | sha256sum)
  if [ "$(cat "$work/wheels.key" 2>/dev/null)" != "$key" ]; then
    rm -rf "$work/wheels"
    fetch_wheels "$1" "$work/wheels" --require-hashes -r requirements/device.lock
    printf '%s\n' "$key" > "$work/wheels.key"
  fi
  rm -f "$work"/wheels/clinicscope-*.whl
  build_own_wheel "$work/wheels"
}

# compile_python ROOT PYTHON FOLDER...: byte code, where this machine has that Python: emulated, it
# takes minutes.
compile_python() {
  local root=$1 python=$2
  shift 2
  command -v "$python" >/dev/null || return 0
  "${as_root[@]}" "$python" -m compileall -q -j 0 -s "$root" "${@/#/$root/}" >/dev/null || true
}

# What Linux says of that processor, as four cores: QEMU 7 shows this machine's own, and libraries
# that look for an arm core there end in a segmentation fault.
cpuinfo_of() {
  local part core
  case $1 in
    cortex-a53) part=0xd03 ;;
    cortex-a72) part=0xd08 ;;
    cortex-a76) part=0xd0b ;;
    *) echo "no part number of processor $1 is known here" >&2; return 2 ;;
  esac
  for core in 0 1 2 3; do
    printf 'processor\t: %s\nBogoMIPS\t: 108.00\n' "$core"
    printf 'Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n'
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n'
    printf 'CPU part\t: %s\nCPU revision\t: 3\n\n' "$part"
  done
}

# inside ROOT COMMAND...: runs it in the root on PROCESSOR, a Pi 4's if not set, with this project
# read-only at /clinicscope. What is mounted is seen by that command alone and gone with it.
inside() {
  local root=$1 processor=${PROCESSOR:-cortex-a72} settings=()
  shift
  if ! native; then
    cpuinfo_of "$processor" | "${as_root[@]}" tee "$root/cpuinfo" >/dev/null
    settings=("QEMU_CPU=$processor")
  fi
  "${as_root[@]}" unshare --mount --propagation private bash -c '
    set -e
    root=$1; shift
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    [ ! -e "$root/cpuinfo" ] || mount --bind "$root/cpuinfo" "$root/proc/cpuinfo"
    mount --rbind /sys "$root/sys"
    mount --bind . "$root/clinicscope"
    mount -o remount,bind,ro "$root/clinicscope"
    exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin HOME=/root LANG=C.UTF-8 "$@"
  ' inside "$root" PYTHONDONTWRITEBYTECODE=1 "${settings[@]}" chroot "$root" "$@"
}

# step NAME COMMAND...: says what is done, and how long it took.
step() {
  local name=$1 began=$SECONDS
  shift
  echo "== $name"
  "$@"
  echo "   $((SECONDS - began)) s"
}
