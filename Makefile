# Two commands for a fresh machine with Python 3.11 and make:
#   make report   a full report on the embedded simulated MuVi, in report/index.html
#   make test     the whole test suite, but for the networks of visual features
#   make test-vision   those; torch and torchvision, in an environment of their own, take 7 GB
PYTHON ?= python3
VENV ?= .venv
VISION ?= .venv-vision
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check
PIP := $(BIN)/python -m pip install $(QUIET) --constraint constraints.txt
SOURCES := $(shell find muvistats -type f -not -name '*.pyc')

.PHONY: report test test-vision check docs bench clean

report: report/index.html
	@echo "The report is in $(abspath report/index.html)"

report/index.html: $(VENV)/core.stamp $(SOURCES)
	$(BIN)/muvistats report --out report

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2

test-vision: $(VISION)/test-vision.stamp
	$(VISION)/bin/python -m pytest -n 2 tests/vision

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules muvistats -p no:cacheprovider

docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo "The pages are in $(abspath docs/_build/html/index.html)"

bench: $(VENV)/test.stamp $(VISION)/test-vision.stamp
	$(BIN)/python -m benchmarks
	$(VISION)/bin/python -m benchmarks vision

# A stamp tells that an extra is installed; it is made anew when what it depends on changes.
$(VENV)/core.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/test.stamp $(VENV)/docs.stamp: $(VENV)/%.stamp: $(VENV)/core.stamp
	$(PIP) --editable ".[$*]"
	touch $@

# ultralytics brings the OpenCV that draws windows, which needs libraries of a desktop and shares
# its files with the one without: that one is put back.
$(VISION)/test-vision.stamp: pyproject.toml constraints.txt
	test -x $(VISION)/bin/python || $(PYTHON) -m venv $(VISION)
	$(VISION)/bin/python -m pip install $(QUIET) --constraint constraints.txt \
		--editable ".[test-vision]"
	$(VISION)/bin/python -m pip uninstall $(QUIET) --yes opencv-python
	$(VISION)/bin/python -m pip install $(QUIET) --constraint constraints.txt --no-deps \
		--force-reinstall opencv-python-headless
	touch $@

clean:
	rm -rf $(VENV) $(VISION) report docs/_build docs/api/generated docs/gallery
