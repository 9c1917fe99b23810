#!/usr/bin/env bash
# Debian's C compiler, for the delegates that tests make; does nothing where there is one.
set -euo pipefail
command -v gcc >/dev/null && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
