#!/usr/bin/env bash
# systemd-nspawn, in which a root is started by its own systemd. Does nothing where it is there.
set -euo pipefail
command -v systemd-nspawn >/dev/null && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends systemd-container >/dev/null
