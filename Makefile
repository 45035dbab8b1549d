# Two commands matter: `make demo` to look at it, `make test` to believe it.
PYTHON ?= python3
VENV := .venv
# A test may start a dozen programs: each is compiled once, and not at every start.
unexport PYTHONDONTWRITEBYTECODE
BIN := $(VENV)/bin
# What only the faults need: disks to pull.
FAULT_PROGRAMS := mkfs.ext4:e2fsprogs
# Tests that hold what they see against seconds, or draw ports in processes of their own.
ALONE := tests/bench tests/faults tests/demo tests/failover tests/rabbitmq tests/operations
# The longest of the others, which begin first.
LONGEST := tests/walk tests/stories tests/browser tests/web tests/updates tests/claims tests/cli
OTHERS := $(filter-out $(ALONE) $(LONGEST),$(patsubst %/,%,$(sort $(dir $(wildcard tests/*/test_*.py)))))

define side-by-side
	$(BIN)/python -m pytest -n $(1) --dist loadfile --no-loadscope-reorder $(2) \
		|| $(BIN)/python -m pytest --verbose --last-failed --last-failed-no-failures none $(2)
endef

.PHONY: demo test faults fuzz console-bench check coverage format lock contract picture screenshots programs clean

demo: $(VENV)/installed
	@exec $(BIN)/tocsin demo $(ARGS)

# Most tests wait more than they work: four run at a time, the longest files first, and three of those
# that need more of the machine for themselves. What failed beside others is tried once more, alone, and named:
# a broken product fails there, too, and a pause of the machine doesn't.
# With ARGS="tests/web -k roles": these, one after the other.
test: $(VENV)/installed programs
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(call side-by-side,4,$(LONGEST) $(OTHERS))
	$(call side-by-side,3,$(ALONE))
endif

# Breaks every part while people press, row by row (up to 150 minutes); ARGS="--only NAME" for one.
faults: $(VENV)/installed
	@tests/install_programs.sh $(FAULT_PROGRAMS)
	$(BIN)/python -m tests.faults $(ARGS)

# Hostile messages, requests and files, for minutes; ARGS="--messages 1000000" for all of it.
fuzz: $(VENV)/installed programs
	$(BIN)/python -m tests.fuzz $(ARGS)

# The console while hundreds press, in Chromium, against its limits; ARGS="--only storm" for a part.
console-bench: $(VENV)/installed programs
	$(BIN)/python -m tests.console_bench $(ARGS)

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: $(VENV)/installed programs
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/python -m coverage report

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pinned versions, with hashes and without the name of any package host.
lock: $(VENV)/installed
	$(BIN)/python -m uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--output-file requirements.lock --upgrade

contract: $(VENV)/installed
	$(BIN)/python -m tocsin_wire.asyncapi > broker_config/asyncapi.yaml

# The README's picture of the console, taken from a running demo.
picture: $(VENV)/installed programs
	$(BIN)/python docs/take_picture.py

# Every page and state, as they are: into build/screenshots, to be looked through.
screenshots: $(VENV)/installed programs
	$(BIN)/python -m tests.browser.screenshots build/screenshots

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV) || { echo "Python 3.11 with venv is needed: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

programs:
	@tests/install_programs.sh

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .coverage
