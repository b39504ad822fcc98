# The two commands of the README, and what they are made of. `make help` lists them.
BUILD ?= build
VAR ?= var
DRILL ?= var-drill
DATA ?=
JOBS ?= $(shell nproc)
MESON_FLAGS ?=

.PHONY: help run drill test build web deps unit sanitize fuzz integration browser bench lint nightly clean

help:
	@echo 'make run      install what is needed, build, start a node with data in $(VAR)/ (DATA=dir takes more in)'
	@echo 'make drill    three nodes that share under signed agreements, live, in $(DRILL)/ (DATA=dir: real feeds; SMALL=1: only ours)'
	@echo 'make test     every test'
	@echo 'make build    the program at $(BUILD)/noroshi'
	@echo 'make bench    the budgets, measured'
	@echo 'make lint     format, layering, clang-tidy'
	@echo 'make nightly  the long tests'

run: build
	scripts/run $(BUILD)/noroshi $(VAR) $(DATA)

drill: build
	scripts/drill $(BUILD)/noroshi --dir $(DRILL) $(if $(DATA),--data $(DATA)) $(if $(SMALL),--small) $(DRILL_FLAGS)

deps:
	scripts/install-deps run

deps-test:
	scripts/install-deps test

web: deps
	scripts/build-web

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD) $(MESON_FLAGS) -Dtests=false

build: deps web $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS)
	ln -sf src/cli/noroshi $(BUILD)/noroshi

test: deps-test web
	scripts/test

unit:
	scripts/test unit

sanitize:
	scripts/test sanitize

fuzz:
	scripts/test fuzz

integration:
	scripts/test integration

browser:
	scripts/test browser

lint:
	scripts/lint

bench: deps-test
	scripts/bench

nightly: deps-test web
	NIGHTLY=1 scripts/test

clean:
	rm -rf $(BUILD) build-test build-asan build-fuzz web/dist
