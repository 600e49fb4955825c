# Everything a newcomer or a build machine needs: `make demo`, `make test`. Asks for a Python of 3.11 or newer with
# venv, make, and the package registries; makes .venv by itself and leaves it alone while nothing changed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
# The first that is new enough and can make a venv; looked for only when .venv has to be made.
PYTHON ?= $(shell for python in $(PYTHONS); do \
	if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$python; break; fi; done)
# A registry that pip was told to use is used by uv too (uv does not read pip's settings).
INDEX = index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/pip config get global.index-url 2>/dev/null || true)}}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi
INSTALL = $(INDEX); $(BIN)/uv pip install --quiet --python $(BIN)/python
# .venv belongs to this tree, whatever environment `make` is run from; what it loads from here stays compiled.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX
ARGS ?=

.PHONY: $(shell sed -nE 's/^([a-z]+):.*/\1/p' Makefile)
help: ## What there is to make
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: .venv/.installed ## Make .venv with the command stream-reconcile in it

demo: .venv/.installed ## Run the whole system on this machine for a minute (ARGS="--serve" stays up)
	@$(BIN)/stream-reconcile demo $(ARGS)

test: .venv/.installed-dev chromium ## Everything that has to be green (ARGS="-k name" for less)
	@$(BIN)/python -c 'import stream_reconcile.embedded as e; e.ensure_jars(e.default_cache_directory())'
	@mkdir -p build
	@# Types take a core for 40 s, which the tests leave now and then: beside them, and told at the end.
	@$(MAKE) --no-print-directory lint >build/lint.txt 2>&1 & lint=$$!; failed=0; \
	PYTHONPATH=tests $(BIN)/python -m support.class_archive build/kafka.jsa; \
	archive="$(CURDIR)/build/kafka.jsa"; if [ -e "$$archive" ]; then \
		export JAVA_TOOL_OPTIONS="-XX:SharedArchiveFile='$$archive' -Xlog:cds=off -Xlog:cds+dynamic=off"; fi; \
	$(BIN)/python -m pytest -n 3 --dist worksteal --junit-xml build/junit.xml $(ARGS) || failed=$$?; \
	wait $$lint || { failed=$$?; cat build/lint.txt; }; exit $$failed

# Tests of the page run in a real browser; without one they are skipped, and say so.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing chromium" && \
		apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; } || true

lint: .venv/.installed-dev ## Style, types, layers, dependencies
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

format: .venv/.installed-dev ## Let ruff put the style right
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

bench: .venv/.installed-dev ## Measure against the floor; figures in build/bench.json (ONLY=name,… SCALE=0.1)
	@mkdir -p build
	@$(BIN)/python tests/benchmarks/bench.py $(if $(ONLY),--only $(ONLY)) $(if $(SCALE),--scale $(SCALE)) $(ARGS)

chaos: .venv/.installed-dev ## Kill members over a long log, compare with the truth (EVENTS=100000 KILLS=10 SEED=7)
	@mkdir -p build
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m chaos $(if $(EVENTS),--events $(EVENTS)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

rewinds: .venv/.installed-dev ## Rewind a live group again and again, compare with the truth (REWINDS=50 KILLS=5 SEED=7)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m chaos.rewinds $(if $(REWINDS),--rewinds $(REWINDS)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

weather: .venv/.installed-dev ## Lost frames, bad REST, crowds, kills, lagging positions, checkpoints, half a log, calm (ONLY=storm,… SEED=7)
	@mkdir -p build
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m weather $(if $(ONLY),$(ONLY)) $(if $(SEED),--seed $(SEED)) $(ARGS)

outages: .venv/.installed-dev ## Break what two copies of the program stand on, one fault after the other (ROUNDS=5 ONLY=kafka SEED=7)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m outages $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(ONLY),--only "$(ONLY)") $(if $(SEED),--seed $(SEED)) $(if $(AGAIN),--again "$(AGAIN)") $(ARGS)

takeovers: .venv/.installed-dev ## How soon the second copy does what the first one did: stopped, killed, frozen (TIMES=10)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m outages.takeovers $(if $(TIMES),--times $(TIMES)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

restore: .venv/.installed-dev ## Postgres goes back to a dump of some time ago, a timeline of what follows (PLACE=server SEED=7)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m outages.restore $(if $(PLACE),--place $(PLACE)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

overload: .venv/.installed-plot ## Ten times the usual for ten minutes: memory, lag, the socket, the drain, a plot (MINUTES=10 TIMES=10 SEED=7)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m endurance overload $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(TIMES),--times $(TIMES)) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: .venv/.installed-plot ## Millions of events with new sockets and second copies: what grows, a plot (EVENTS=5000000 SEED=7)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m endurance soak $(if $(EVENTS),--events $(EVENTS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

simulate: .venv/.installed-dev ## The jobs under seeds and a simulated clock, invariants at each step (SEEDS=200 STEPS=5000 SEED=7)
	@PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(STEPS),--steps $(STEPS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

page: .venv/.installed-dev chromium ## The status page in a browser in all its states; pictures in build/screenshots
	@$(BIN)/python -m pytest tests/browser/test_page.py tests/browser/page_states.py $(ARGS)

picture: .venv/.installed-dev chromium ## Take the picture of the page in the README anew, from a demo that is disturbed
	@PYTHONPATH=tests $(BIN)/python -m support.picture

shown: .venv/.installed-dev ## Each discrepancy with the test that makes it, and what it saw in the last `make test`
	@PYTHONPATH=tests $(BIN)/python -m support.shown_table build/junit.xml

released: .venv/.installed-dev ## Keep what the version in pyproject.toml leaves in an installation, for tests of upgrades from it
	@PYTHONPATH=tests $(BIN)/python -m support.released

rules: .venv/.installed-dev ## Write deploy/prometheus anew for the Prometheus operator
	@PYTHONPATH=tests $(BIN)/python -m support.prometheus_rule

alerts: .venv/.installed-dev ## Every story of what fires which alert, judged by promtool
	@PYTHONPATH=tests $(BIN)/python -m support.rule_stories

dashboard: .venv/.installed-dev ## A real run, a real Prometheus: no query of the dashboard is empty, no alert fires
	@PYTHONPATH=tests $(BIN)/python -m support.dashboard_check

registry: .venv/.installed-dev ## A real schema registry (159 MB, fetched once): register, evolve, refuse, away; its answers
	@PYTHONPATH=tests $(BIN)/python -m support.apicurio
	@$(BIN)/python -m pytest -q -rP tests/registry/test_apicurio.py tests/registry/apicurio_run.py $(ARGS)

peers: .venv/.installed-dev ## kcat, Kafka's tools, Prometheus, psql, pandas against a run; what they print
	@missing=; for one in kcat:kcat prometheus:prometheus psql:postgresql-client curl:curl; do \
		command -v $${one%%:*} >/dev/null || missing="$$missing $${one##*:}"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then echo "Installing$$missing"; \
		apt-get install -qq -y --no-install-recommends $$missing >/dev/null || true; fi
	@$(BIN)/python -m pytest -q -rPs tests/integration/test_peers.py $(ARGS)

fuzz: .venv/.installed-fuzz ## Bytes of every kind into each parser (ONLY=frame,… RUNS=100000 SEED=7)
	@mkdir -p build
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

audit: .venv/.audit ## Known weaknesses of what is installed, by the Python package index (docs/security.md)
	@for list in server runtime dev; do \
		.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
			-r requirements/$$list.txt $(ARGS); done

lock: .venv/.tools ## Take the newest releases that pyproject.toml allows into requirements/
	@$(INDEX); export UV_CUSTOM_COMPILE_COMMAND="make lock"; \
	compile="$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links"; \
	$$compile requirements/tools.in -o requirements/tools.txt; \
	$$compile --extra embedded pyproject.toml -c requirements/tools.txt -o requirements/runtime.txt; \
	$$compile pyproject.toml -c requirements/tools.txt -c requirements/runtime.txt -o requirements/server.txt; \
	$$compile --extra embedded --group dev pyproject.toml -c requirements/tools.txt -c requirements/runtime.txt \
		-o requirements/dev.txt; \
	$$compile requirements/plot.in -c requirements/dev.txt -o requirements/plot.txt; \
	for list in fuzz audit; do $$compile requirements/$$list.in -o requirements/$$list.txt; done

clean: ## Remove what was built, .venv too; data of the demo (.reconcile) stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Stamps: each is made anew only when a file that it was made from has changed.

.venv/.tools: requirements/tools.txt
	@[ -n "$(PYTHON)" ] || { echo "make: no Python of 3.11 or newer with venv found (looked for: $(PYTHONS)).  Install \
	one (on Debian also python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@touch $@

.venv/.installed: .venv/.tools requirements/runtime.txt pyproject.toml
	@echo "Installing what stream-reconcile runs on"
	@# compiled here and now: a command that may not write bytecode would compile for 2 s at each of its starts
	@$(INSTALL) --compile-bytecode --require-hashes -r requirements/runtime.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements/dev.txt
	@echo "Installing what the tests need"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# Not for every Python and machine there is an atheris: without it `make fuzz` goes by its own mutations, and says so.
.venv/.installed-fuzz: .venv/.installed-dev requirements/fuzz.txt
	@echo "Installing what leads the fuzzing"
	@$(INSTALL) --require-hashes --only-binary :all: -r requirements/fuzz.txt || echo "There is no atheris for this Python"
	@touch $@

.venv/.installed-plot: .venv/.installed-dev requirements/plot.txt
	@echo "Installing what draws"
	@$(INSTALL) --require-hashes -r requirements/plot.txt
	@touch $@

.venv/.audit: .venv/.tools requirements/audit.txt
	@echo "Installing what audits, apart from all else"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/audit
	@$(INDEX); $(BIN)/uv pip install --quiet --python .venv/audit/bin/python --require-hashes -r requirements/audit.txt
	@touch $@
