#!/usr/bin/env bash
# The FHIR server of the tests, into build/fhir; does nothing where it is installed.
# Needs Node 20 or newer with npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=$here/../../build/fhir
mkdir -p "$to"
cp "$here/server.mjs" "$to/server.mjs"
[ -f "$to/.ready" ] && cmp -s "$here/package.json" "$to/package.json" && exit 0
rm -rf "$to/.ready" "$to/node_modules"
cp "$here/package.json" "$to/package.json"
npm install --prefix "$to" --no-package-lock --no-audit --no-fund --ignore-scripts --silent
touch "$to/.ready"
