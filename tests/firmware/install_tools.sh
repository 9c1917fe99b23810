#!/usr/bin/env bash
# What reads the device's files in the tests as the device would: nftables, NetworkManager, udev,
# avahi's grammar, dnsmasq, systemd's own checks, its filters, shellcheck. Does nothing where they are there.
#
# None of them is started: a network manager would take over the network of this machine.
set -euo pipefail
programs=(nft nmcli umockdev-run udevadm shellcheck xmllint dnsmasq avahi-daemon systemd-analyze
  systemd-sysusers)
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || { missing=1 && break; }
done
/usr/bin/python3 -c 'import seccomp' 2>/dev/null || missing=1
[ "${missing:-}" ] || exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
forbid=/usr/sbin/policy-rc.d
if [ ! -e $forbid ]; then
  trap '"${as_root[@]}" rm -f '$forbid EXIT
  # invoke-rc.d(8): 101 forbids what packages would start.
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $forbid >/dev/null
  "${as_root[@]}" chmod 755 $forbid
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends nftables network-manager umockdev udev shellcheck \
  libxml2-utils dnsmasq-base avahi-daemon systemd python3-seccomp iproute2 >/dev/null
