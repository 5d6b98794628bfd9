# Everything a user types. Each target first brings what it needs (tools/setup); with nothing to do
# that takes a moment. What is built lies in build/ (release) and build-*/ (see CMakePresets.json).
.NOTPARALLEL:
.PHONY: weir install help setup demo test test-fast bench bench-live bench-s3 fuzz format tidy clean

weir: ## build/weir (the default)
	@tools/setup build
	@tools/build release weir

# As of other programs: `make install PREFIX=/usr DESTDIR=/tmp/package`.
PREFIX ?= /usr/local
install: weir
install: ## the program and its unit for systemd, under PREFIX (/usr/local), in DESTDIR
	@DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

help: ## this list
	@sed -n 's/^\([a-z-]*\): ## /  make \1\t/p' Makefile | expand -t 20

setup: ## bring what all targets need: Debian, npm and PyPI packages
	@tools/setup test
	@tools/setup bench
	@tools/setup python

demo: ## record real programs that talk, and explain what was refused
	@tools/setup demo
	@tools/build release weir
	@demo/run.sh

test: ## everything: format, tests, sanitizers, fuzzers, clang-tidy; under 20 minutes
	@tools/setup test
	@tools/test

test-fast: ## the release build's own tests, under 2 minutes
	@tools/setup test
	@tools/test release

bench: ## measure recording and querying beside their peers
	@tools/setup bench
	@tools/build bench
	@bench/offline.py
	@bench/query.py

bench-live: ## what the kernel program costs a packet; as root
	@tools/setup bench
	@tools/build bench packet_path weir
	@build/packet_path
	@bench/veth.py

bench-s3: ## measure delivery to S3 and queries from it beside their peers; as root
	@tools/setup bench
	@tools/setup test
	@tools/setup peers
	@tools/build bench
	@.venv/bin/python bench/deliver.py
	@.venv/bin/python bench/s3_read.py
	@.venv/bin/python bench/slow_link.py

fuzz: ## run the fuzzers for longer than `make test` does: FUZZ_SECONDS each (600)
	@tools/setup test
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tools/test fuzz

format: ## put all C and C++ into form
	@tools/setup test
	@tools/format

tidy: ## clang-tidy, on what has changed since it was clean
	@tools/setup test
	@tools/setup python
	@tools/test tidy

clean: ## remove what was built; what was installed stays
	@rm -rf build build-asan build-tsan
