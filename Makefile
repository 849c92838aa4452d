# Two commands for a fresh machine with Python 3.11 or newer and make:
#   make report   a full report on the embedded simulated MuVi, in report/index.html
#   make test     the whole test suite, but for what runs networks
# For contributors (see CONTRIBUTING.md):
#   make quick    what to run before each commit: lint, types, a sample of the tests
#   make check    lint, types and doctests
#   make test-browser   the annotation page in a Chromium on PATH or of CHROMIUM=
#   make test-networks   torch, torchvision and TensorFlow, in an environment of their own, take 9 GB
#   make calibration, make coverage   rates of false alarms and of intervals, in pieces of PIECE minutes
#   make fuzz, make crash, make load   proofs under damage, crashes and load (an hour each)
#   make pictures   the pictures that the tests compare figures with, drawn again
#   make mutants   do the tests notice small faults? (an hour)
#   make test-lowest, make test-newest   the suite on the oldest and the newest allowed versions
# PYTHON=python3.12 takes another interpreter, in an environment of its own.
PYTHON ?= python3
ifeq ($(PYTHON),python3)
VENV ?= .venv
else
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
$(if $(VERSION),,$(error PYTHON=$(PYTHON) does not run))
VENV ?= .venv-$(VERSION)
endif
NETWORKS ?= $(VENV)-networks
PIECE ?= 120
STUDIES ?= 300
BIN := $(VENV)/bin
PINS ?= --constraint constraints.txt
INSTALL := -m pip install --quiet --disable-pip-version-check $(PINS)
PIP := $(BIN)/python $(INSTALL)
# Each step says what it does and how long that takes.
SAY := @printf '==> %s\n'
SOURCES := $(shell find muvistats -type f -not -name '*.pyc')

.PHONY: report quick check lint lint-page types doctests test test-sample test-browser test-networks \
	test-lowest test-newest smoke docs pictures bench calibration coverage fuzz crash load mutants clean

report: report/index.html
	@echo "The report is in $(abspath report/index.html)"

report/index.html: $(VENV)/core.stamp $(SOURCES)
	$(SAY) "Writing the report on the simulated MuVi (a minute)"
	$(BIN)/muvistats report --out report

# Two jobs: mypy takes one core while the tests take the other.
quick: $(VENV)/test.stamp
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint types test-sample

check: lint lint-page types doctests

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The page's JavaScript, where npm is.
lint-page:
	@if command -v npm > /dev/null; then npx --yes eslint@9.39.5 muvistats/annotate/assets; \
	else echo "lint-page: skipped, no npm on PATH"; fi

types: $(VENV)/test.stamp
	$(BIN)/mypy

doctests: $(VENV)/test.stamp
	$(BIN)/python -m pytest --doctest-modules muvistats -p no:cacheprovider \
		--ignore=muvistats/features/conversion.py \
		$(addprefix --ignore=muvistats/deep/,comparison.py models.py networks.py settings.py transfer.py)

test: $(VENV)/test.stamp
	$(SAY) "The whole suite, but for what runs networks (25 minutes on two cores)"
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-sample: $(VENV)/test.stamp
	$(BIN)/python -m pytest --quiet --sample 1 --ignore tests/oracle --ignore tests/property

# Playwright drives the Chromium that is there; without one, a line says so.
test-browser:
	@if [ -n "$(CHROMIUM)" ] || command -v chromium > /dev/null; then \
		$(MAKE) --no-print-directory $(VENV)/test-browser.stamp && \
		$(BIN)/python -m pytest tests/annotate/test_site_browser.py; \
	else echo "test-browser: skipped, no Chromium on PATH and none named by CHROMIUM="; fi

test-networks: $(NETWORKS)/test-networks.stamp
	$(NETWORKS)/bin/python -m pytest -n 2 tests/networks
	$(NETWORKS)/bin/python -m pytest -p no:cacheprovider --doctest-modules muvistats/deep

test-lowest: .venv-lowest.txt
	$(MAKE) test VENV=$(VENV)-lowest PINS="--constraint $<"

test-newest:
	rm -f $(VENV)-newest/*.stamp
	$(MAKE) test VENV=$(VENV)-newest PINS="--upgrade --upgrade-strategy eager"

# A plain installation, without extras, outside the checkout.
smoke:
	$(PYTHON) -m venv --clear $(VENV)-smoke
	$(VENV)-smoke/bin/python $(INSTALL) .
	cd $(VENV)-smoke && bin/python -I ../tools/smoke.py

.venv-lowest.txt: pyproject.toml tools/lowest_versions.py
	$(PYTHON) tools/lowest_versions.py > $@

docs: $(VENV)/docs.stamp
	$(SAY) "Making the pages; what they show is computed (some minutes)"
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "The pages are in $(abspath docs/_build/html/index.html)"

# Twenty core-hours each in all, so in pieces of PIECE minutes; each goes on where the last one ended.
calibration: $(VENV)/test.stamp
	nice $(BIN)/python -W ignore data/measure_false_alarms.py $(PIECE) 2

coverage: $(VENV)/test.stamp
	nice $(BIN)/python -W ignore data/measure_coverage.py --minutes $(PIECE) --studies $(STUDIES)

pictures: $(VENV)/test.stamp
	$(BIN)/python -m tests.plots.figures

bench: $(VENV)/test.stamp $(NETWORKS)/test-networks.stamp
	$(BIN)/python -m benchmarks
	$(NETWORKS)/bin/python -m benchmarks vision senses deep

# Long proofs, by hand; each goes on where its tally in docs/proofs stops. `make test` runs samples.
fuzz crash load mutants: $(VENV)/test.stamp
	nice -n 19 $(BIN)/python -W ignore -m proofs $@

# A stamp tells that an extra is installed; it is made anew when what it depends on changes.
$(VENV)/core.stamp: pyproject.toml constraints.txt
	$(SAY) "Installing muvistats and what it needs into $(VENV) (a minute or two, 700 MB)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/test.stamp $(VENV)/docs.stamp $(VENV)/test-browser.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	$(SAY) "Installing the extra '$*' into $(VENV)"
	$(PIP) --editable ".[$*]"
	touch $@

# ultralytics brings the OpenCV that draws windows, which needs libraries of a desktop and shares
# its files with the one without: that one is put back. tf2onnx asks for an old protobuf that it does
# not need.
$(NETWORKS)/test-networks.stamp: pyproject.toml constraints.txt
	$(SAY) "Installing torch, TensorFlow and others into $(NETWORKS) (ten minutes or more, 9 GB)"
	test -x $(NETWORKS)/bin/python || $(PYTHON) -m venv $(NETWORKS)
	$(NETWORKS)/bin/python $(INSTALL) --editable ".[test-networks]"
	$(NETWORKS)/bin/python -m pip uninstall --quiet --yes opencv-python
	$(NETWORKS)/bin/python $(INSTALL) --no-deps --force-reinstall opencv-python-headless
	$(NETWORKS)/bin/python $(INSTALL) --no-deps tf2onnx==1.17.0
	touch $@

clean:
	rm -rf .venv .venv-* report docs/_build docs/api/generated docs/gallery
