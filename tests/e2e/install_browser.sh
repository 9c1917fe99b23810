#!/usr/bin/env bash
# Debian's Chromium for the browser tests, and letters for all languages of the page; does nothing
# where they are installed.
set -euo pipefail
packages=(fonts-dejavu-core fonts-lohit-deva)
command -v chromium >/dev/null || packages+=(chromium)
dpkg --status "${packages[@]}" >/dev/null 2>&1 && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
