#!/usr/bin/env bash
# The FHIR server of the tests, into build/fhir; does nothing where it is installed.
# The server wants Node 20 or newer; where there is none, Debian's is installed.
set -euo pipefail
if ! command -v npm >/dev/null; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
here=$(cd "$(dirname "$0")" && pwd)
to=$here/../../build/fhir
mkdir -p "$to"
cp "$here/server.mjs" "$to/server.mjs"
[ -f "$to/.ready" ] && cmp -s "$here/package.json" "$to/package.json" && exit 0
rm -rf "$to/.ready" "$to/node_modules"
cp "$here/package.json" "$to/package.json"
npm install --prefix "$to" --no-package-lock --no-audit --no-fund --ignore-scripts --silent
touch "$to/.ready"
