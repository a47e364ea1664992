# SPDX-License-Identifier: Apache-2.0
# Every target says what it does: `make`.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)
CACHE    ?= $(or $(WUKONG_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/provider-wukong)
OUT      := _output
LDFLAGS  := -s -w -X github.com/novasphere/provider-wukong/internal/version.Version=$(VERSION)
GO_BUILD := go build -buildvcs=false -ldflags '$(LDFLAGS)'
CLUSTER  := go run ./cluster

# All stages compile every dependency in one way, the cluster's programs among
# them: what one has made, the others find in the build cache. The race detector
# alone wants another way. What debuggers read (DWARF, symbols) costs the compiler
# and the linker time, and is left out of all that is built here.
export CGO_ENABLED := 0
export GOFLAGS     := $(GOFLAGS) -trimpath -gcflags=all=-dwarf=false -ldflags=-s
RACE := CGO_ENABLED=1 go test -race -vet=off
# RACED lists what works in several goroutines. Decoders and encoders are tenfold
# slower under the race detector, and start none: what calls them in several is here.
RACED := go list ./internal/... ./cmd/provider ./cmd/function ./cluster/... | grep -vE '/mover/(format|pack)/'
# LARGE have tables of cases of which the race detector sees samples (-short).
LARGE := internal/mover|internal/mover/engine/export|internal/mover/endpoint/oci/push
# PLATFORMS are what the packages are for.
PLATFORMS := linux_amd64 linux_arm64
comma     := ,
platforms := $(subst $() ,$(comma),$(subst _,/,$(PLATFORMS)))

# say prints a heading, and how long what follows usually takes: cold | warm.
say = @printf '\n\033[1m== %s\033[0m (%s)\n' "$(1)" "$(2)"

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the mover, the provider and the function into _output/bin.
	$(GO_BUILD) -o $(OUT)/bin/ ./cmd/mover ./cmd/provider ./cmd/function

.PHONY: generate
generate: ## Make deep-copies, managed-resource methods, CRDs and XRDs anew.
	hack/generate/run.sh

.PHONY: check-generate
check-generate: ## Fail when `make generate` would change a file.
	hack/check-generated.sh

.PHONY: lint
lint: ## Run golangci-lint, with all that go vet looks at.
	hack/lint.sh

.PHONY: unit
unit: ## Run the unit tests that `make race` does not run, or not whole.
	hack/require.sh root
	hack/packages.sh unit
# Without vet, which `make lint` runs: it looks at every dependency once more, and
# again for the race detector. Many of them wait for servers and processes: with
# two at a time, a third of the processors' time goes unused. Beside the other lanes of
# `make test` a package can take several times as long as alone, hence the timeouts.
	go test -vet=off -timeout 60m -p 4 $$(go list ./... | grep -vxFf <($(RACED) | grep -vE '/($(LARGE))$$'))
	cd hack/packages && go test ./...

.PHONY: race
race: ## Run the unit tests of what works in several goroutines, under the race detector.
	hack/require.sh root
	hack/packages.sh unit
	$(RACE) -short -timeout 60m -p 3 $$($(RACED))

.PHONY: integration
integration: ## Run the controllers against a real API server.
	hack/require.sh root
	$(CLUSTER) build kubernetes etcd crossplane
# They wait for one another more than they compute.
	$(RACE) -tags integration -timeout 30m -count 1 -parallel 8 ./test/integration/...
	go test -vet=off -tags integration -timeout 15m -count 1 ./internal/clients/bucket/

.PHONY: e2e
e2e: ## Run everything on the throwaway cluster, installed as a user would.
	hack/require.sh root
	hack/e2e.sh

.PHONY: test
test: ## Run all the tests, and install what they need.
	@hack/test.sh

.PHONY: bench
bench: ## Compare speed with the peers; writes docs/benchmarks.md.
	hack/require.sh root
	hack/bench.sh

.PHONY: fuzz
fuzz: ## Fuzz every parser, FUZZTIME each (default 30s).
	hack/fuzz.sh

.PHONY: demo
demo: ## Boot a throwaway cluster and take disks through two Wukongs, a registry and a bucket.
	@hack/require.sh root
	@hack/demo.sh

.PHONY: cluster-up
cluster-up: ## Boot the throwaway cluster.
	$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## End the throwaway cluster and remove all that it left.
	$(CLUSTER) down

.PHONY: build-others
build-others: ## Build the same for the packages' other platforms, into _output/bin/linux_ARCH.
	for p in $(filter-out $(shell go env GOOS)_$(shell go env GOARCH),$(PLATFORMS)); do \
	  GOOS=linux GOARCH=$${p#linux_} $(GO_BUILD) -o $(OUT)/bin/$$p/ ./cmd/mover ./cmd/provider ./cmd/function; \
	done

.PHONY: platforms
platforms:
	@echo $(platforms)

.PHONY: packages
packages: build build-others ## Build the Crossplane packages into _output/packages; PUSH=1 pushes them to REGISTRY.
	hack/packages/build.sh -platforms $(platforms) $(if $(REGISTRY),-registry $(REGISTRY)) $(if $(PUSH),-push)

.PHONY: images
images: packages ## The same: a package is an image, and the mover's is built beside them.
