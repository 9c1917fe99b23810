#!/usr/bin/env bash
# Debian's Orthanc with its DICOMweb plug-in for the tests; does nothing where it is installed.
set -euo pipefail
plugin=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
command -v Orthanc >/dev/null && [ -e "$plugin" ] && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends orthanc orthanc-dicomweb >/dev/null
