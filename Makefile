# Gatehouse. `make help` lists the targets.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VERSION     ?= 0.1.0
# Reproducible packages: the time of the last commit, not of the build.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

LDFLAGS := -s -w -X gatehouse/internal/buildinfo.version=$(VERSION)
TOOLS   := .cache/tools
# golangci-lint keeps what it knows here, so that a second run takes seconds.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.cache/golangci-lint

.PHONY: help build run test check bench packages conformance clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the commands into bin/.
	CGO_ENABLED=0 go build -trimpath -mod=readonly -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

run: build ## Start all four daemons with a demonstration directory on loopback.
	packaging/demo

test: ## Run every test; installs the Debian clients that are missing.
	test/install-clients
	go test -race -shuffle=on -timeout 40m ./...

check: $(TOOLS)/golangci-lint $(TOOLS)/deadcode ## Format, vet, lint, arrows, dead code.
	$(TOOLS)/golangci-lint fmt --diff
	$(TOOLS)/golangci-lint run ./...
	go test -run '^Test(Arrows|Sizes|Checksums)' .
	.ci/deadcode $(TOOLS)/deadcode
	go mod verify

bench: build ## Measure beside the peers that Debian has, and write bench/README.md.
	test/install-clients bench
	go run ./bench

packages: $(TOOLS)/nfpm ## Build the Debian package into dist/.
	packaging/build $(TOOLS)/nfpm $(VERSION)

conformance: ## Run the slow extras: more clients, and fuzzing of every parser.
	test/conformance
	.ci/fuzz 60s

clean: ## Remove what was built.
	rm -rf bin dist .cache demo-data

$(TOOLS)/golangci-lint $(TOOLS)/deadcode: tools/lint/go.mod tools/lint/go.sum
	go build -C tools/lint -o ../../$(TOOLS)/ tool
	touch $(TOOLS)/golangci-lint $(TOOLS)/deadcode

$(TOOLS)/nfpm: tools/package/go.mod tools/package/go.sum
	go build -C tools/package -o ../../$(TOOLS)/ tool
	touch $@
