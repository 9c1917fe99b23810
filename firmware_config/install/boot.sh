# shellcheck shell=bash
# Boot settings of a Raspberry Pi: one file that config.txt includes, and words of cmdline.txt.
# Sourced by install.sh.
BEGIN='# ClinicScope: begin' END='# ClinicScope: end'
ADDED=etc/clinicscope/cmdline-added

# The folder with config.txt; nothing where there is none.
boot_folder() {
  local folder
  for folder in "$root/boot/firmware" "$root/boot"; do
    [ ! -f "$folder/config.txt" ] || { echo "$folder" && return; }
  done
}

install_boot() {
  local boot
  [ -f "$folder/config.txt" ] || return 0
  boot=$(boot_folder)
  if [ -z "$boot" ]; then
    echo "  no config.txt below $root/boot: boot settings are left to the image"
    return
  fi
  put_boot "$boot/clinicscope.txt" < "$folder/config.txt"
  [ -z "$coral" ] || put_boot "$boot/clinicscope-coral.txt" < "$folder/coral-pcie.txt"
  [ -z "$rtc" ] ||
    put_boot "$boot/clinicscope-rtc.txt" < <(sed "s/@CHIP@/$rtc/" "$folder/rtc.txt")
  include_settings "$boot"
  add_words "$boot/cmdline.txt" "$folder/cmdline.words"
}

# put_boot PATH: standard input, whole or not at all; FAT keeps no owners or modes.
put_boot() {
  cat > "$1.new"
  if cmp -s "$1.new" "$1"; then
    rm "$1.new"
    return
  fi
  sync "$1.new"
  mv "$1.new" "$1"
  echo "  ${1#"$root"/}"
  changes=$((changes + 1))
  restart_needed=yes
}

# The block is written anew each time: options may have come, or gone by hand.
include_settings() {
  local boot=$1
  put_boot "$boot/config.txt" < <(
    without_block "$boot"
    echo "$BEGIN"
    echo '[all]'
    for file in "$boot"/clinicscope*.txt; do echo "include $(basename "$file")"; done
    echo "$END"
  )
}

without_block() { sed "/^$BEGIN\$/,/^$END\$/d" "$1/config.txt"; }

# cmdline.txt is one line, and the board does not start with two.
add_words() {
  local file=$1 words=() word line added=()
  mapfile -t words < <(grep -v '^#' "$2")
  [ -z "$country" ] || words+=("cfg80211.ieee80211_regdom=$country")
  line=$(tr -d '\n' < "$file")
  [ -z "$country" ] || line=${line/cfg80211.ieee80211_regdom=[A-Z][A-Z]/${words[-1]}}
  for word in "${words[@]}"; do
    [[ " $line " == *" $word "* ]] || { line+=" $word" && added+=("$word"); }
  done
  [ ${#added[@]} = 0 ] || printf '%s\n' "${added[@]}" >> "$root/$ADDED"
  put_boot "$file" <<< "$line"
}

remove_boot() {
  local boot line word
  boot=$(boot_folder)
  [ -n "$boot" ] || return 0
  put_boot "$boot/config.txt" < <(without_block "$boot")
  rm -f "$boot"/clinicscope*.txt
  [ -f "$root/$ADDED" ] || return 0
  line=" $(tr -d '\n' < "$boot/cmdline.txt") "
  while read -r word; do line=${line/" $word "/ }; done < "$root/$ADDED"
  put_boot "$boot/cmdline.txt" < <(sed 's/^ *//; s/ *$//' <<< "$line")
}
