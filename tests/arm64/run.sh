#!/usr/bin/env bash
# Does the program work on arm64? bash tests/arm64/run.sh WORK PYTHON, from the project's top.
#
# In a Debian root for arm64, under QEMU where this is no arm64 machine, with the device's locked
# packages: `doctor`, `selftest` and `screen camera:simulated` of a wheel made here, the suite of
# runtimes, and every network's answers beside this machine's. Then the real picamera2.
set -euo pipefail
work=$1
python=$2
PIP=$(dirname "$python")/pip
here=$(dirname "$0")
root=$work/root
source firmware_config/image/common.sh
FIELDS='camera:simulated?seed=3&parasitaemia_fraction=0.02&fields=3'
# Those of a Pi 3, 4 and 5: libraries choose other kernels on each.
PROCESSORS=(cortex-a53 cortex-a72 cortex-a76)

install_own_wheel() {
  local version
  rm -rf "$work/own"
  build_own_wheel "$work/own"
  version=$(basename "$(readlink -f "$root/usr/bin/python3")")
  unpack_wheels "$version" "$root/usr/local/lib/$version/dist-packages" "$work"/own/*.whl
  compile_python "$root" "$version" "usr/local/lib/$version"
}

# One thread: under QEMU those of a network wait for each other, for minutes on a busy machine.
set_one_thread() {
  local home=$root/root/.local/share/clinicscope
  mkdir -p "$home"
  echo 'threads = 1' > "$home/config.toml"
}

program_there() { inside "$root" python3 -c 'from edge.cli import script; script()' "$@"; }

program_here() {
  CLINICSCOPE_HOME=$work/home "$python" -c 'from edge.cli import script; script()' "$@"
}

suite() {
  inside "$root" python3 -m pytest -q -p no:cacheprovider --rootdir /clinicscope \
    -c /clinicscope/pyproject.toml /clinicscope/tests/edge/runtimes/test_runtimes.py \
    /clinicscope/tests/edge/runtimes/test_litert.py
}

screen_on_both() {
  program_there screen "$FIELDS" --json /tmp/slide.json 2>/dev/null
  program_here screen "$FIELDS" --json "$work/slide.json" >/dev/null 2>&1
  "$python" "$here/compare_slides.py" "$work/slide.json" "$root/tmp/slide.json"
}

answers_on_both() {
  local processor files=()
  PYTHONPATH=. "$python" "$here/answers.py" "$work/here.npz" litert onnx
  for processor in "${PROCESSORS[@]}"; do
    PROCESSOR=$processor inside "$root" python3 /clinicscope/tests/arm64/answers.py \
      "/tmp/$processor.npz" litert
    files+=("$root/tmp/$processor.npz")
  done
  inside "$root" python3 /clinicscope/tests/arm64/answers.py /tmp/onnx-runtime.npz onnx
  PYTHONPATH=. "$python" "$here/compare.py" "$work/here.npz" "${files[@]}" \
    "$root/tmp/onnx-runtime.npz"
}

mkdir -p "$work"
step "Debian root" bash "$here/root.sh" "$work" "$PIP"
rm -rf "$root"/tmp/* "$root"/root/.[a-z]*
set_one_thread
step "own wheel" install_own_wheel
step "doctor" program_there doctor
step "selftest" program_there selftest
step "screen, here and there" screen_on_both
step "answers, here and there" answers_on_both
step "suite of runtimes" suite
step "picamera2 without a camera" bash "$here/picamera2.sh" "$work" "$python"
echo "arm64: all passed in $SECONDS s"
