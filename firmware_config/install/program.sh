# shellcheck shell=bash
# The program: an environment of its own for each version below /opt/clinicscope/versions, and the
# link "current" to the one in force. Sourced by install.sh.
PLACE=/opt/clinicscope
project=$(dirname "$here")

install_program() {
  local python version target
  python=$(find_python)
  local venv_options=()
  [[ $model != rpi* ]] || venv_options=(--system-site-packages)
  version=$(wanted_version)
  target=$PLACE/versions/$version
  if [ -f "$target/version.json" ] && [ -z "$again" ]; then
    switch_to "$version"
    return
  fi
  echo "program: version $version with $("$python" --version)"
  # Nothing is used of a version that was cut off in the middle; and no program runs whose files go.
  ! running || systemctl stop clinicscope.service 2>/dev/null || true
  rm -f "$target/version.json"
  rm -rf "$target"
  "$python" -m venv "${venv_options[@]}" "$target"
  if [ -n "$wheels" ]; then install_wheels "$target"; else install_checkout "$target"; fi
  "$target/bin/clinicscope" --version >/dev/null
  sync
  echo "{\"program\": \"$version\", \"number\": 0, \"records\": \"\"}" > "$target/version.json"
  switch_to "$version"
  changes=$((changes + 1))
}

# A Pi's cameras are spoken to by packages of the system, which its own Python has.
find_python() {
  local found
  for found in python3.11 python3.12 python3; do
    command -v "$found" >/dev/null || continue
    "$found" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || continue
    "$found" -c 'import venv, ensurepip' 2>/dev/null || continue
    echo "$found"
    return
  done
  fail "there is no Python 3.11 or 3.12 with venv here; take Raspberry Pi OS (Bookworm, 64 bit), or \
JetPack 6 with the package python3.11-venv" 3
}


wanted_version() {
  local found
  if [ -n "$wheels" ]; then
    found=$(basename "$(echo "$wheels"/clinicscope-*.whl)")
    [ "$found" != 'clinicscope-*.whl' ] || fail "there is no clinicscope-*.whl in $wheels" 3
    echo "$found" | cut -d - -f 2
  else
    sed -n 's/^version = "\(.*\)"/\1/p' "$project/pyproject.toml" | head -n 1
  fi
}

install_wheels() {
  "$1/bin/pip" install --quiet --no-index --no-deps --no-cache-dir "$wheels"/*.whl
  "$1/bin/pip" check --quiet || [ ${#venv_options[@]} -gt 0 ]
}

# By the lock: each file's hash is the one that the tests ran with.
install_checkout() {
  local pip=$1/bin/pip source part
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  # Of a copy: the checkout is a person's, and gets no files of root's.
  source=$(mktemp -d)
  for part in pyproject.toml README.md LICENSE edge web_ui train compress; do
    cp -r "$project/$part" "$source"
  done
  "$pip" install --quiet --no-cache-dir --require-hashes -r "$project/requirements/device.lock"
  "$pip" install --quiet --no-cache-dir --no-deps --no-build-isolation "$source"
  rm -rf "$source"
  [ ! -f "$folder/camera.lock" ] || install_camera "$pip"
}

# Two parts of picamera2 hold compiled code that must fit this NumPy; the system's do not.
install_camera() {
  "$1" install --quiet --no-cache-dir --no-deps --no-build-isolation --require-hashes \
    -r "$folder/camera.lock" ||
    echo "install: no camera on CSI until this works: $1 install -r devices/$model/camera.lock" >&2
}

# By a rename, so that "current" is always one or the other.
switch_to() {
  [ "$(readlink "$PLACE/current" 2>/dev/null)" != "versions/$1" ] || return 0
  [ ! -L "$PLACE/current" ] || ln -sfn "$(readlink "$PLACE/current")" "$PLACE/previous"
  ln -sfn "versions/$1" "$PLACE/.current.new"
  mv -T "$PLACE/.current.new" "$PLACE/current"
  sync "$PLACE"
  changes=$((changes + 1))
}
