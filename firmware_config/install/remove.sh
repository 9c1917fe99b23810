# shellcheck shell=bash
# Takes away what install.sh put. Records, settings and keys stay unless --purge. Sourced by it.
CONNECTION=etc/NetworkManager/system-connections/clinicscope-hotspot.nmconnection

remove_all() {
  local units=()
  [ -f "$root/$KEPT" ] || fail "nothing of ClinicScope is installed below ${root:-/}" 3
  mapfile -t units < <(sed -n "s|^[0-9a-f]*  $UNITS/\([^/]*\)\$|\1|p" "$root/$KEPT")
  ! running || stop_units "${units[@]}"
  systemctl --root="${root:-/}" --quiet disable "${units[@]}" 2>/dev/null || true
  remove_boot
  remove_files
  rm -f "$root/$CONNECTION" "$root/run/issue.d/clinicscope.issue"
  rm -rf "$root/opt/clinicscope"
  if [ -n "$purge" ]; then remove_data; else
    echo "records, settings and keys are still in /var/lib/clinicscope and /etc/clinicscope"
  fi
  if running; then
    systemctl daemon-reload
    nmcli connection reload || true
  fi
  echo "ClinicScope is no longer on this device; the system's packages were left"
}

# Not /tmp, which is in use until the next start, and no template, which is nothing that runs.
stop_units() {
  local unit
  for unit in "$@"; do
    [[ $unit == *@* || $unit == *.mount ]] || systemctl --quiet stop "$unit" || true
  done
}

remove_files() {
  local path
  while read -r _ path; do
    rm -f "$root/$path"
    rmdir --ignore-fail-on-non-empty -p "$(dirname "$root/$path")" 2>/dev/null || true
  done < "$root/$KEPT"
  rm -f "$root/$KEPT" "$root/$ADDED"
}

remove_data() {
  rm -rf "$root/var/lib/clinicscope" "$root/etc/clinicscope"
  if [ -z "$root" ] && getent passwd clinicscope >/dev/null; then userdel clinicscope; fi
  echo "records, settings and keys are deleted"
}
