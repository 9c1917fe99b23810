#!/usr/bin/env bash
# RAUC, which installs images for the tests as a device would, and a message bus for it; does nothing
# where they are there.
set -euo pipefail
command -v rauc >/dev/null && command -v dbus-run-session >/dev/null &&
  command -v mksquashfs >/dev/null && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends rauc dbus squashfs-tools openssl >/dev/null
