#!/usr/bin/env bash
# A simulated slide screened inside the device's root by the device's user, and on this machine:
#
#   bash tests/arm64/screen_in_root.sh WORK PYTHON [RECORD]
#
# WORK is that of firmware_config/image/make_root.sh; its root must be there. Where this is another
# machine the root's programs run under QEMU, which proves what they do and not how fast.
set -euo pipefail
python=$2
record=${3:-}
here=tests/arm64
source firmware_config/image/common.sh
work=$1/$ARCH
root=$work/root
FIELDS='camera:simulated?seed=3&parasitaemia_fraction=0.02&fields=3'
PROGRAM=/opt/clinicscope/current/bin/clinicscope

if [ ! -L "$root/opt/clinicscope/current" ]; then
  echo "there is no root in $work: make it first (make image-root)" >&2
  exit 3
fi

# One thread: under QEMU those of a network wait for each other, for minutes on a busy machine.
there() {
  inside "$root" setpriv --reuid=clinicscope --regid=clinicscope --clear-groups \
    env CLINICSCOPE_HOME=/tmp/home "$PROGRAM" "$@"
}

here_too() {
  CLINICSCOPE_HOME=$work/home "$python" -c 'from edge.cli import script; script()' "$@"
}

clean_up() {
  "${as_root[@]}" rm -rf "$root/tmp/home" "$root/cpuinfo"
  "${as_root[@]}" rmdir "$root/clinicscope" 2>/dev/null || true
}

trap clean_up EXIT
"${as_root[@]}" mkdir -p "$root/clinicscope"
inside "$root" bash -c 'mkdir -p /tmp/home && echo "threads = 1" > /tmp/home/config.toml &&
  chown -R clinicscope: /tmp/home'
began=$SECONDS
step "doctor in the root" there doctor
step "a slide in the root" there screen "$FIELDS" --json /tmp/home/slide.json
took=$((SECONDS - began))
cp "$root/tmp/home/slide.json" "$work/slide-there.json"
here_too screen "$FIELDS" --json "$work/slide-here.json" >/dev/null 2>&1
PYTHONPATH=. "$python" $here/compare_slides.py "$work/slide-here.json" "$work/slide-there.json"
[ -z "$record" ] || PYTHONPATH=. "$python" $here/image_record.py "$work" "$ARCH" "$took" > "$record"
