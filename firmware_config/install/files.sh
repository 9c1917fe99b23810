# shellcheck shell=bash
# Files of the system: put, remembered, and left alone where a person changed them. Sourced by
# install.sh.
KEPT=etc/clinicscope/installed
UNITS=etc/systemd/system
declare -A now_installed=()

# put SOURCE PATH [MODE]: a copy below the root, unless it is there, or a person made it another.
put() { put_text "$2" "${3:-644}" < "$1"; }

put_text() {
  local path=$1 mode=$2 target=$root/$1 temp sum
  temp=$(mktemp)
  cat > "$temp"
  sum=$(sha256sum < "$temp" | cut -d ' ' -f 1)
  now_installed[$path]=$sum
  if [ -f "$target" ] && changed_by_hand "$path" "$sum"; then
    echo "  $path was changed by hand: left as it is"
  elif ! cmp -s "$temp" "$target" || [ "$(stat -c %a "$target")" != "$mode" ]; then
    mkdir -p "$(dirname "$target")"
    install -m "$mode" "$temp" "$target.clinicscope-new"
    mv -f "$target.clinicscope-new" "$target"
    case $path in *.mount | *system.conf.d* | *modprobe.d*) restart_needed=yes ;; esac
    echo "  $path"
    changes=$((changes + 1))
  fi
  rm -f "$temp"
}

# It is neither what this version brings nor what the version before put there.
changed_by_hand() {
  local found
  found=$(sha256sum < "$root/$1" | cut -d ' ' -f 1)
  [ "$found" != "$2" ] && [ "$found" != "$(sum_before "$1")" ] && [ -n "$(sum_before "$1")" ]
}

sum_before() {
  [ ! -f "$root/$KEPT" ] || sed -n "s|^\([0-9a-f]\{64\}\)  $1\$|\1|p" "$root/$KEPT"
}

install_files() {
  local file
  for file in "$here"/systemd/*.{service,timer,mount} "$here"/update/*.{service,path,timer}; do
    [ ! -f "$file" ] || put "$file" "$UNITS/$(basename "$file")"
  done
  for file in sysusers.d/clinicscope.conf tmpfiles.d/clinicscope.conf \
    sysctl.d/90-clinicscope.conf; do
    put "$here/systemd/$file" "etc/$file"
  done
  for file in system.conf.d journald.conf.d; do
    put "$here/systemd/$file/90-clinicscope.conf" "etc/systemd/$file/90-clinicscope.conf"
  done
  for file in "$here"/udev/*.rules; do put "$file" "etc/udev/rules.d/$(basename "$file")"; done
  for file in "$here"/update/clinicscope.service.d/*.conf; do
    put "$file" "$UNITS/clinicscope.service.d/$(basename "$file")"
  done
  for file in "$here/helpers/mount-stick" "$here/update/update-guard"; do
    put "$file" "usr/local/lib/clinicscope/$(basename "$file")" 755
  done
  put "$here/helpers/clinicscope" usr/local/bin/clinicscope 755
  put "$here/network/avahi/clinicscope.service" etc/avahi/services/clinicscope.service
  put "$here/network/NetworkManager/conf.d/90-clinicscope.conf" \
    etc/NetworkManager/conf.d/90-clinicscope.conf
  for file in clinic-wifi clinic-cable; do
    put "$here/network/profiles/$file.nmconnection" \
      "usr/local/share/clinicscope/$file.nmconnection"
  done
  [ -z "$firewall" ] || put "$here/network/nftables/firewall.nft" etc/clinicscope/firewall.nft
  [ -z "$hotspot" ] || install_hotspot
  install_board
  drop_what_left
}

# The template; the device itself puts in name and password (`clinicscope device set-up`).
install_hotspot() {
  put "$here/network/profiles/hotspot.nmconnection" \
    usr/local/share/clinicscope/hotspot.nmconnection
  put "$here/network/NetworkManager/dnsmasq-shared.d/clinicscope.conf" \
    etc/NetworkManager/dnsmasq-shared.d/clinicscope.conf
}

install_board() {
  local file
  [ ! -f "$folder/modprobe.conf" ] || put "$folder/modprobe.conf" etc/modprobe.d/clinicscope.conf
  [ ! -f "$folder/sysctl.conf" ] ||
    put "$folder/sysctl.conf" etc/sysctl.d/91-clinicscope-board.conf
  [ ! -f "$folder/power-mode" ] ||
    put "$folder/power-mode" usr/local/lib/clinicscope/power-mode 755
  for file in "$folder"/*.service "$folder"/*.service.d/*.conf; do
    [ ! -f "$file" ] || put "$file" "$UNITS/${file#"$folder"/}"
  done
}

# Files that the version before had and this one has not.
drop_what_left() {
  local sum path
  [ ! -f "$root/$KEPT" ] || while read -r sum path; do
    [ -z "${now_installed[$path]:-}" ] || continue
    if [ -f "$root/$path" ] && [ "$(sha256sum < "$root/$path" | cut -d ' ' -f 1)" = "$sum" ]; then
      rm -f "$root/$path"
      echo "  $path is needed no more"
      changes=$((changes + 1))
    fi
  done < "$root/$KEPT"
  remember_files
}

remember_files() {
  local path
  mkdir -p "$(dirname "$root/$KEPT")"
  for path in "${!now_installed[@]}"; do echo "${now_installed[$path]}  $path"; done |
    LC_ALL=C sort -k 2 > "$root/$KEPT.new"
  if cmp -s "$root/$KEPT.new" "$root/$KEPT"; then rm "$root/$KEPT.new"; else
    mv "$root/$KEPT.new" "$root/$KEPT"
  fi
}

make_user() {
  systemd-sysusers --root="${root:-/}" "$root/etc/sysusers.d/clinicscope.conf"
  systemd-tmpfiles --root="${root:-/}" --create "$root/etc/tmpfiles.d/clinicscope.conf"
}

# Those that say when they are wanted; "systemctl --root" asks no running systemd.
enable_units() {
  local unit
  for unit in "$root/$UNITS"/clinicscope*.{service,timer,path} "$root/$UNITS/tmp.mount"; do
    grep -qs '^\[Install\]' "$unit" || continue
    unit=$(basename "$unit")
    [ "$unit" != clinicscope-firewall.service ] || [ -n "$firewall" ] || continue
    [ "$(systemctl --root="${root:-/}" is-enabled "$unit" 2>/dev/null)" = enabled ] && continue
    systemctl --root="${root:-/}" --quiet enable "$unit"
    echo "  $unit is started with the device"
    changes=$((changes + 1))
  done
}

device_name() {
  local kept=$root/var/lib/clinicscope/device.json name
  name=$(sed -n 's/.*"device_name": *"\([a-z0-9-]*\)".*/\1/p' "$kept" 2>/dev/null || true)
  echo "${name:-clinicscope-XXXX}"
}
