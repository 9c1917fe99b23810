# make run    set up and start the appliance with the shipped bundle and the simulated camera
# make test   set up and pass every test
# make check  linters, types
# make test-arm64  the program, its networks' answers, the suite of runtimes and picamera2 on arm64
# make soak   20,000 captures with faults: memory, records, states
# make kill   200 kills in mid-work; make many-specimens: 100,000 specimens; make load: 50 phones
# make scale  two nodes of Ray of which one dies; speed, memory and overhead of an archive
# make image-root  a device's root for arm64, and a slide in it; make appliance-check  the service under systemd
# make update-kill, make application-kill  power that goes in the midst of an update
# make application  an update of the program, to be signed; make container  the container, built and asked
# make tools  what reads the device's units, rules and networks
# make legacy an environment with NumPy 1, in which tests try tflite-runtime
# make lock   resolve the dependencies again
PYTHON ?= $(shell command -v python3.11 || command -v python3)
DEVICE := .venv
ALL := .venv-test
LEGACY := .venv-legacy
UV_VERSION := 0.13.8
HOST ?= 127.0.0.1
PORT ?= 8080
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-arm64 soak kill many-specimens load scale check format legacy lock translations browser rtsp compiler servers tools screenshots pages image-root appliance-check container application update-kill application-kill clean

run: $(DEVICE)/.ready
	$(DEVICE)/bin/clinicscope run --host $(HOST) --port $(PORT)

test: $(ALL)/.ready $(LEGACY)/.ready browser rtsp compiler servers tools
	$(ALL)/bin/python -m pytest -n 2 --dist loadfile

# Under QEMU where this is no arm64 machine; the Debian root is kept in build/ for the next time.
test-arm64: $(ALL)/.ready
	bash tests/arm64/run.sh build/arm64 $(CURDIR)/$(ALL)/bin/python

# The root of files of a device: Debian and the program, by package names alone; then a simulated slide
# is screened in it, under QEMU where this is another machine. PACK=yes also makes a squashfs of it.
image-root: $(ALL)/.ready
	bash firmware_config/image/make_root.sh build/image $(CURDIR)/$(ALL)/bin/python
	bash tests/arm64/screen_in_root.sh build/image $(CURDIR)/$(ALL)/bin/python build/image/image-root.json

# The service under a real systemd, in systemd-nspawn: first boot, start, sandbox, watchdog, cut of
# power, safe mode. The records that are committed are docs/image-root.json and docs/appliance-check.json.
OWN := $(shell dpkg --print-architecture 2>/dev/null)
appliance-check: $(ALL)/.ready
	bash tests/appliance/install_nspawn.sh
	ARCH=$(OWN) bash firmware_config/image/make_root.sh build/image $(CURDIR)/$(ALL)/bin/python
	$(ALL)/bin/python -m tests.appliance.check build/image/$(OWN)/root --json build/appliance-check.json
	$(ALL)/bin/python -m tests.appliance.update build/image/$(OWN) --json build/application-update-check.json

container: $(ALL)/.ready
	bash firmware_config/image/container.sh build/image $(CURDIR)/$(ALL)/bin/python

# An update of the program for this machine's processor, every wheel in it; `bundle sign` signs it.
application: $(ALL)/.ready
	$(ALL)/bin/clinicscope application pack . --out build/application

# Power that goes in the midst of an update. The records are docs/update-kill.json and
# docs/application-kill.json.
update-kill: $(ALL)/.ready
	$(ALL)/bin/python -m tests.updates.kill --times 100 --flips 2000 --json build/update-kill.json

application-kill: $(ALL)/.ready
	$(ALL)/bin/python -m tests.updates.application_kill --times 100 --json build/application-kill.json

# A day's captures with faults; the record that is committed is docs/soak.json.
CAPTURES ?= 20000
soak: $(ALL)/.ready
	$(ALL)/bin/python -m tests.soak.run --captures $(CAPTURES) --json build/soak.json

# What a clinic fears: power that goes, years of records, a full waiting room. docs/ has the records.
KILLS ?= 200
kill: $(ALL)/.ready servers
	$(ALL)/bin/python -m tests.durability.kill --times $(KILLS) --at-once 4 --json build/kill.json

many-specimens: $(ALL)/.ready
	$(ALL)/bin/python -m tests.durability.many_specimens build/many --json build/many.json

# Ray: workers killed and nodes cut off, speed, memory, overhead; some 20 minutes alone on the machine;
# needs root. The records are docs/scale-*.json; tests.scale.sizing puts them into docs/scale.md.
scale: $(ALL)/.ready tools
	$(ALL)/bin/python -m tests.scale.two_nodes --slides 40 --kinds process raylet cut cut-and-back --json build/scale-nodes.json
	$(ALL)/bin/python -m tests.scale.speed --slides 12 --fields 50 --turns 2 --json build/scale-speed.json
	$(ALL)/bin/python -m tests.scale.memory --json build/scale-memory.json
	$(ALL)/bin/python -m tests.scale.overhead --pieces 600 --json build/scale-overhead.json

# 50 phones for ten minutes; every page with ten people; what watching the camera costs.
load: $(ALL)/.ready
	$(ALL)/bin/python -m tests.load.phones --phones 50 --minutes 10 --json build/load.json
	$(ALL)/bin/python -m tests.load.phones --phones 10 --minutes 3 --page-limit-ms 100 --json build/load-pages.json
	$(ALL)/bin/python -m tests.load.preview --json build/load-preview.json

check: $(ALL)/.ready
	$(ALL)/bin/ruff check .
	$(ALL)/bin/ruff format --check .
	$(ALL)/bin/mypy

format: $(ALL)/.ready
	$(ALL)/bin/ruff check --fix .
	$(ALL)/bin/ruff format .

# Pictures of every page, phone and desktop, light and dark, one language from right to left, to be
# looked at one by one (build/screenshots/sheets); and those of the user guide and the README.
screenshots: $(ALL)/.ready browser
	$(ALL)/bin/python -m tests.e2e.screenshots build/screenshots --guide docs/pictures

# Every page looked at by axe on three screens and on paper, by width, targets, moves and bytes as a
# sharp phone loads them; the record is docs/pages.json.
pages: $(ALL)/.ready browser
	$(ALL)/bin/python -m tests.e2e.record --json docs/pages.json

# New texts into the catalogs, and those compiled; what lacks a translation is listed.
translations: $(ALL)/.ready
	$(ALL)/bin/python -m tests.languages.catalogs update
	$(ALL)/bin/python -m tests.languages.catalogs compile
	$(ALL)/bin/python -m tests.languages.catalogs missing

browser:
	bash tests/e2e/install_browser.sh

# A real RTSP server for the cameras' tests.
rtsp:
	bash tests/edge/cameras/install_rtsp.sh

# A C compiler: tests build delegates that fail.
compiler:
	bash tests/edge/accelerators/install_compiler.sh

# What reads the device's units, rules and networks as a device does.
tools:
	bash tests/firmware/install_tools.sh
	bash tests/firmware/install_rauc.sh

# A real PACS and a real FHIR server for what leaves the device.
servers:
	bash tests/interop/install_orthanc.sh
	bash tests/interop/install_fhir.sh

$(DEVICE)/.ready: requirements/device.lock pyproject.toml
	$(PYTHON) -m venv --clear $(DEVICE)
	$(DEVICE)/bin/pip install --quiet --require-hashes -r requirements/device.lock
	$(DEVICE)/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(ALL)/.ready: requirements/all.lock pyproject.toml
	$(PYTHON) -m venv --clear $(ALL)
	$(ALL)/bin/pip install --quiet --require-hashes -r requirements/all.lock
	$(ALL)/bin/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

legacy: $(LEGACY)/.ready

$(LEGACY)/.ready: requirements/legacy.lock
	$(PYTHON) -m venv --clear $(LEGACY)
	$(LEGACY)/bin/pip install --quiet --require-hashes -r requirements/legacy.lock
	touch $@

RESOLVE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate -c requirements/constraints.in \
	pyproject.toml requirements/build.in

lock: .venv-lock/.ready
	$(RESOLVE) -o requirements/device.lock
	$(RESOLVE) --extra onnx --extra interop --extra scale --extra train --extra test -c requirements/device.lock -o requirements/all.lock
	$(RESOLVE) --extra legacy -o requirements/legacy.lock

.venv-lock/.ready:
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/pip install --quiet uv==$(UV_VERSION)
	touch $@

clean:
	rm -rf .venv .venv-test .venv-legacy .venv-lock build runs
