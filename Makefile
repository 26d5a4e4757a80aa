# Mulgil: every command a person needs. Longer jobs live in `cargo xtask`.
#
#   make run     build, start Mulgil, play real flights through the pipeline, stay up (ONCE=1: exit after)
#   make test    install what the tests need, check, and run every test
#   make check   the quick loop: format, lints, house rules, licences, documentation
#   make torture kill the server again and again while everything changes (KILLS=n rounds, SEED=n: the same choices)
#   make sim     the log on simulated machines, random seeds for a while (SEED=n: one seed with its trace)
#   make fuzz    random bytes for everything that reads requests, for a while each (needs nightly)
#   make bench   ratios beside direct calls, in one run

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Continuous integration shares compiled dependencies between clean checkouts where a cache is writable.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mulgil
ifeq ($(CI),true)
ifeq ($(origin CARGO_TARGET_DIR),undefined)
ifeq ($(shell mkdir -p $(CACHE) 2>/dev/null && test -w $(CACHE) && echo yes),yes)
export CARGO_TARGET_DIR := $(CACHE)/target
endif
endif
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)
MULGIL := $(TARGET)/release/mulgil

# Python tools live in a virtual environment named after what is pinned, so that a new pin is a new one.
PINS := tests/requirements.txt
VENV_HOME := $(shell mkdir -p $(CACHE) 2>/dev/null && test -w $(CACHE) && echo $(CACHE) || echo $(CURDIR)/.venv)
VENV := $(VENV_HOME)/venv-$(shell sha256sum $(PINS) 2>/dev/null | cut -c1-12)
PYTHON := $(VENV)/bin/python
TOOLS := PATH="$(VENV)/bin:$$PATH"

.PHONY: help run build test check fmt fuzz tools bench sim torture unit blackbox docs

help:
	@sed -n 's/^#   //p' Makefile

build:
	cargo build --release --locked

run: build
	$(MULGIL) demo $(if $(ONCE),--once) $(ARGS)

tools: $(VENV)/.ready

$(VENV)/.ready: $(PINS)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $(PINS)
	touch $@

check: tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(TOOLS) cargo xtask tidy
	$(TOOLS) cargo xtask model --all --check
	cargo xtask coverage --check
	$(TOOLS) cargo deny --offline check --hide-inclusion-graph licenses bans sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --locked --quiet

# Tests run in the profile that ships, so that a clean checkout builds the engine once.
unit: tools
	$(TOOLS) cargo nextest run --release --workspace --locked --no-fail-fast
	cargo test --release --workspace --locked --doc --quiet

blackbox: tools build
	MULGIL_BIN="$(abspath $(MULGIL))" $(TOOLS) $(PYTHON) -m pytest tests/blackbox -q

test: check unit blackbox
	$(MULGIL) demo --once --ephemeral --listen 127.0.0.1:0

# The kill tests of `make test` with more rounds. Each prints its seed.
KILLS ?= 200
KILL_SECONDS_MAX ?= 3600
torture: tools build
	MULGIL_BIN="$(abspath $(MULGIL))" MULGIL_KILL_ROUNDS=$(KILLS) MULGIL_SEED=$(SEED) $(TOOLS) $(PYTHON) -m pytest \
		tests/blackbox/test_kill.py -q -s --timeout=$(KILL_SECONDS_MAX)

# The log's code on simulated machines: SECONDS_MAX of random seeds, or one.
SECONDS_MAX ?= 120
sim:
	cargo run --release --locked --quiet -p mulgil-sim -- $(if $(SEED),--seed $(SEED),--seconds $(SECONDS_MAX)) $(ARGS)

# Instrumented and built by nightly, so in a folder of its own. What the fuzzer learns stays beside it; inputs
# worth keeping are copied into dev/fuzz/corpus by hand.
FUZZ_SECONDS ?= 20
FUZZ_TARGETS ?= json_request cbor_request query_request event_stream signature
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ_HOME := $(dir $(VENV_HOME)/.)cargo-fuzz-$(CARGO_FUZZ_VERSION)
CARGO_FUZZ := $(CARGO_FUZZ_HOME)/bin/cargo-fuzz

$(CARGO_FUZZ):
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --root $(CARGO_FUZZ_HOME)

fuzz: $(CARGO_FUZZ)
	for target in $(FUZZ_TARGETS); do \
		mkdir -p "$(abspath $(TARGET))/fuzz/corpus/$$target"; \
		PATH="$(CARGO_FUZZ_HOME)/bin:$$PATH" cargo +nightly fuzz run --fuzz-dir dev/fuzz \
			--target-dir "$(abspath $(TARGET))/fuzz" $$target "$(abspath $(TARGET))/fuzz/corpus/$$target" \
			dev/fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -max_len=65536; \
	done

# All packages at once, so that the engine keeps the features it was built with for the binary.
bench:
	cargo build --release --locked --workspace --bin mulgil --bin bench
	$(TARGET)/release/bench --bin "$(abspath $(MULGIL))" --scratch $(TARGET) $(ARGS)
