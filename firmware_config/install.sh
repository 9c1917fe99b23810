#!/usr/bin/env bash
# Makes a Raspberry Pi OS or a JetPack into a ClinicScope station: sudo bash firmware_config/install.sh
#
# Run again it changes what has to be, and nothing where nothing has. `--help` says the rest.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'TEXT'
usage: sudo bash firmware_config/install.sh [OPTION...]

  --model NAME      rpi4, rpi5, jetson_orin_nano, generic-arm64 or generic-x86_64; otherwise the
                    board is asked
  --wheels DIR      install the program from these wheels, without a network
  --again           install the program again, though this version is there
  --no-program      only the files of the system
  --no-packages     install nothing of the system's packages
  --root DIR        into the root of an image; needs --no-program and --no-packages
  --no-hotspot      no Wi-Fi of its own
  --no-firewall     leave the network's rules alone
  --wifi-country CC two letters, such as KE; without a country a Pi's Wi-Fi stays off
  --coral-pcie      boot settings for a Coral accelerator on PCIe (Raspberry Pi)
  --rtc CHIP        boot settings for a clock on the pins, such as ds3231 (Raspberry Pi)
  --uninstall       take it all away; records, settings and keys stay
  --purge           with --uninstall: and delete records, settings and keys
  --help
TEXT
}

fail() {
  echo "install: $1" >&2
  exit "${2:-2}"
}

root='' model='' wheels='' again='' program=yes packages=yes hotspot=yes firewall=yes country=''
coral='' rtc='' uninstall='' purge=''
while [ $# -gt 0 ]; do
  case $1 in
    --model | --wheels | --root | --wifi-country | --rtc)
      [ $# -gt 1 ] || fail "$1 needs a value; see --help" ;;&
    --model) model=$2 && shift ;;
    --wheels) wheels=$2 && shift ;;
    --root) root=$2 && shift ;;
    --wifi-country) country=$2 && shift ;;
    --rtc) rtc=$2 && shift ;;
    --again) again=yes ;;
    --no-program) program='' ;;
    --no-packages) packages='' ;;
    --no-hotspot) hotspot='' ;;
    --no-firewall) firewall='' ;;
    --coral-pcie) coral=yes ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --help | -h) usage && exit 0 ;;
    *) fail "there is no option $1; see --help" ;;
  esac
  shift
done

# shellcheck source=install/files.sh
source "$here/install/files.sh"
# shellcheck source=install/boot.sh
source "$here/install/boot.sh"
# shellcheck source=install/program.sh
source "$here/install/program.sh"
# shellcheck source=install/remove.sh
source "$here/install/remove.sh"

check_options() {
  [ "$(id -u)" = 0 ] || fail "this changes the system: run it with sudo"
  root=${root%/}
  [ -z "$root" ] || [ -d "$root" ] || fail "--root is '$root', which is no folder"
  [ -z "$root" ] || [ -z "$program$packages" ] ||
    fail "--root is for an image: add --no-program and --no-packages"
  [ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge goes with --uninstall"
  [ -z "$wheels" ] || [ -d "$wheels" ] || fail "--wheels is '$wheels', which is no folder"
  [[ $country =~ ^([A-Z]{2})?$ ]] || fail "--wifi-country is '$country'; give two letters, such as KE"
  [[ $rtc =~ ^([a-z0-9]+)?$ ]] || fail "--rtc is '$rtc'; give a chip's name, such as ds3231"
  model=${model:-$(board)}
  case $model in
    rpi4 | rpi5 | jetson_orin_nano) folder=$here/devices/$model ;;
    generic | generic-arm64 | generic-x86_64 | generic-amd64) folder=$here/devices/generic ;;
    *) fail "--model is '$model'; known: rpi4, rpi5, jetson_orin_nano, generic-arm64, generic-x86_64" ;;
  esac
}

# As edge.identity tells boards, for a system that has no ClinicScope yet.
board() {
  local told
  told=$(tr -d '\0' < "${DEVICE_TREE:-/proc/device-tree}/model" 2>/dev/null || true)
  case $told in
    "Raspberry Pi 5"* | "Raspberry Pi Compute Module 5"*) echo rpi5 ;;
    "Raspberry Pi 4 "* | "Raspberry Pi Compute Module 4"*) echo rpi4 ;;
    *Jetson*"Orin Nano"*) echo jetson_orin_nano ;;
    *) echo generic ;;
  esac
}

running() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

install_packages() {
  local wanted missing=()
  mapfile -t wanted < <(grep -v '^#' "$folder/packages")
  for name in "${wanted[@]}"; do
    dpkg-query --show --showformat '${db:Status-Status}\n' "$name" 2>/dev/null |
      grep -q '^installed$' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "packages of the system: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  changes=$((changes + 1))
}

# What the files mean to a system that runs, without a restart where one is not needed.
take_up() {
  local file
  systemctl daemon-reload
  udevadm control --reload
  udevadm trigger --subsystem-match=usb --subsystem-match=apex --subsystem-match=video4linux
  for file in /etc/sysctl.d/9[01]-clinicscope*.conf; do sysctl --quiet --load="$file" || true; done
  systemctl restart systemd-journald.service
  [ -z "$firewall" ] || systemctl restart clinicscope-firewall.service ||
    echo "install: the firewall does not load; see journalctl -u clinicscope-firewall" >&2
  [ ! -x /opt/clinicscope/current/bin/clinicscope ] || {
    systemctl restart clinicscope-first-boot.service
    systemctl --no-block restart clinicscope.service
    systemctl start clinicscope-backup.timer clinicscope-health.timer
  }
  systemctl --no-block reload-or-restart NetworkManager.service avahi-daemon.service || true
}

changes=0
check_options
if [ -n "$uninstall" ]; then
  remove_all
  exit 0
fi
[ -z "$packages" ] || install_packages
install_files
install_boot
make_user
[ -z "$program" ] || install_program
enable_units
if [ "$changes" = 0 ]; then
  echo "nothing had to be changed"
  exit 0
fi
! running || take_up
[ -z "${restart_needed:-}" ] || echo "restart the device once: part of it counts from its next start"
echo "done: $changes changes; the page is at https://$(device_name).local/"
[ -z "$hotspot" ] || [ -n "$root" ] ||
  echo "its own Wi-Fi, with the password: sudo clinicscope device hotspot"
