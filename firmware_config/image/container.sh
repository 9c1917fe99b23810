#!/usr/bin/env bash
# The container of the Containerfile, by buildah: bash firmware_config/image/container.sh WORK PYTHON
#
# From a root of this machine's own Debian, so that nothing is fetched but packages: no image of
# anybody's. Then the station is started in it, and its health check must pass.
set -euo pipefail
ARCH=$(dpkg --print-architecture)
export ARCH
PIP=$(dirname "$2")/pip
here=firmware_config/image
source firmware_config/image/common.sh
work=$1/$ARCH
NAME=localhost/clinicscope
PORT=18443
# No daemon and no cgroups of its own: it is built where containers cannot be run, too.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
store=(--root "$work/containers" --runroot "$work/containers-run")
mkdir -p "$work"

buildah_() { "${as_root[@]}" -E buildah "${store[@]}" "$@"; }
[ ${#as_root[@]} -gt 0 ] || buildah_() { buildah "${store[@]}" "$@"; }

make_base() {
  local container
  debian_sources "" > "$work/debian.list"
  "${as_root[@]}" rm -rf "$work/slim"
  configure_debian "$work/debian.list" "$work/slim" python3 python3-venv libstdc++6
  python_of "$work/slim" > "$work/slim.python"
  container=$(buildah_ from scratch)
  buildah_ add --quiet "$container" "$work/slim" / >/dev/null
  buildah_ commit --quiet --rm "$container" $NAME-base >/dev/null
  "${as_root[@]}" rm -rf "$work/slim"
}

build() {
  local context=$work/context
  rm -rf "$context"
  mkdir -p "$context"
  cp -r "$work/wheels" $here/healthy.py "$context"
  # The format that keeps a HEALTHCHECK.
  buildah_ build --quiet --format docker --network host --build-arg BASE=$NAME-base \
    --file $here/Containerfile --tag $NAME "$context" >/dev/null
  rm -rf "$context"
  buildah_ inspect --type image --format '{{.Docker.Config.Healthcheck}}' $NAME
}

prove() {
  local container began=$SECONDS log=$work/container.log station
  container=$(buildah_ from $NAME)
  buildah_ run --user clinicscope "$container" -- /opt/clinicscope/current/bin/clinicscope \
    run --host 127.0.0.1 --port $PORT --tls > "$log" 2>&1 &
  station=$!
  until buildah_ run --user clinicscope "$container" -- /opt/clinicscope/current/bin/python \
    /usr/local/lib/clinicscope/healthy.py https://127.0.0.1:$PORT/healthz >/dev/null 2>&1; do
    if [ $((SECONDS - began)) -gt 120 ] || ! kill -0 $station 2>/dev/null; then
      cat "$log" >&2
      return 1
    fi
    sleep 1
  done
  echo "   healthy after $((SECONDS - began)) s"
  kill $station
  wait $station || true
  buildah_ rm "$container" >/dev/null
}

install_debian mmdebstrap buildah
step "a base of this machine's Debian" make_base
step "wheels" collect_wheels "$(cat "$work/slim.python")"
step "container" build
step "station in it" prove
