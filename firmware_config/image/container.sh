#!/usr/bin/env bash
# The container of the Containerfile, by buildah: bash firmware_config/image/container.sh WORK PYTHON
#
# From a root of this machine's own Debian, so that nothing is fetched but packages: no image of
# anybody's. Then the station is started in it, and its health check must pass. With PACK=yes also
# WORK/clinicscope-container.tar, which docker and podman load.
set -euo pipefail
ARCH=$(dpkg --print-architecture)
export ARCH
PIP=$(dirname "$2")/pip
here=firmware_config/image
source firmware_config/image/common.sh
work=$1/$ARCH
NAME=localhost/clinicscope
# No daemon and no cgroups of its own: it is built where containers cannot be run, too.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
mkdir -p "$work"

containers() {
  "${as_root[@]}" env BUILDAH_ISOLATION="$BUILDAH_ISOLATION" STORAGE_DRIVER="$STORAGE_DRIVER" \
    buildah --root "$work/containers" --runroot "$work/containers-run" "$@"
}

# An archive, not a folder: it keeps who owns what.
make_base() {
  local container
  debian_sources "" > "$work/debian.list"
  "${as_root[@]}" rm -f "$work/slim.tar"
  configure_debian "$work/debian.list" "$work/slim.tar" python3 python3-venv libstdc++6
  python=$(tar --list --file "$work/slim.tar" | sed -n 's|^\./usr/bin/\(python3\.[0-9]*\)$|\1|p')
  container=$(containers from scratch)
  containers add --quiet "$container" "$work/slim.tar" / >/dev/null
  containers commit --quiet --rm "$container" $NAME-base >/dev/null
  "${as_root[@]}" rm -f "$work/slim.tar"
}

build() {
  local context=$work/context
  rm -rf "$context"
  mkdir -p "$context"
  cp -r "$work/wheels" $here/healthy.py "$context"
  # The format that keeps a HEALTHCHECK.
  containers build --quiet --format docker --network host --build-arg BASE=$NAME-base \
    --file $here/Containerfile --tag $NAME "$context" >/dev/null
  rm -rf "$context"
  echo "   health check: $(containers inspect --type image \
    --format '{{.Docker.Config.Healthcheck.Test}}' $NAME)"
}

# As its user, by its own words: started, found healthy, ended.
# shellcheck disable=SC2016
prove() {
  local container
  container=$(containers from --pull-never $NAME)
  containers run --network host --user clinicscope "$container" -- bash -c '
    place=/opt/clinicscope/current/bin page=https://127.0.0.1:18443/healthz
    healthy() { "$place/python" /usr/local/lib/clinicscope/healthy.py "$page" 2>/dev/null; }
    began=$SECONDS
    "$place/clinicscope" run --host 127.0.0.1 --port 18443 --tls >/tmp/station.log 2>&1 &
    until healthy; do
      if [ $((SECONDS - began)) -gt 120 ] || ! kill -0 $! 2>/dev/null; then
        cat /tmp/station.log >&2
        exit 1
      fi
      sleep 0.5
    done
    echo "   healthy after $((SECONDS - began)) s"
    kill $!
    wait $!
    if healthy; then echo "healthy, though it has ended" >&2; exit 1; fi'
  containers rm "$container" >/dev/null
}

pack() {
  local archive=$1/clinicscope-container.tar
  rm -f "$archive"
  containers push --quiet $NAME "docker-archive:$archive:clinicscope:latest"
  echo "   $archive: $(($(stat -c %s "$archive") / 1000000)) MB"
}

# The last one: what buildah trusts, and where it would look; it pulls nothing here.
install_debian mmdebstrap buildah golang-github-containers-common
step "a base of this machine's Debian" make_base
step "wheels" collect_wheels "$python"
step "container" build
step "station in it" prove
[ "${PACK:-}" != yes ] || step "archive" pack "$1"
