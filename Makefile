# Minke is built and tested by these targets; CONTRIBUTING.md tells more.
#   make build   bin/minke
#   make demo    a cluster with the example in it
#   make test    every test, unit to end-to-end (root)
#   make race    the unit tests with the race detector (raceless: those without)
#   make fuzz    every fuzz target for FUZZTIME
#   make conformance  what Kubernetes promises, behaviour by behaviour (root)
#   make generate  tables made of the modules' sources (KUBERNETES: of its own)
#   make bench   the benchmarks
#   make bench-peers  the API beside upstream's (tools from BENCH)

SHELL := /bin/bash
GO ?= go
export CGO_ENABLED := 0
LDFLAGS := -s -w
CARRIED := cmd/minke/carried/files

.PHONY: build helpers peers demo test unit race raceless e2e conformance bench bench-peers fuzz lint tools generate clean FORCE

build: tools bin/minke

# What the build needs and a bare machine may lack.
tools:
	@command -v gcc >/dev/null && [ -e /usr/include/stdio.h ] || { echo "installing gcc"; apt-get update -qq && apt-get install -y -qq gcc libc6-dev >/dev/null; }

# The linker's own output stays in the page cache in large pieces, each of which
# a process maps whole at the first touch: 14 MiB more of resident memory than
# from a copy, or from the disk.
bin/minke: $(CARRIED)/kubectl.zst helpers FORCE
	$(GO) build -ldflags '$(LDFLAGS)' -o build/minke ./cmd/minke
	@mkdir -p bin && cp build/minke $@.new && mv $@.new $@

# kubectl changes only when its version does.
$(CARRIED)/kubectl.zst: cmd/kubectl/main.go go.mod
	@mkdir -p build
	@echo "building kubectl (once)"
	$(GO) build -ldflags '$(LDFLAGS) -X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37' -o build/kubectl ./cmd/kubectl
	$(GO) run ./cmd/pack build/kubectl $(CARRIED)/kubectl

# The pod helper and the toolbox's image, which minke carries.
ARCH := $(shell $(GO) env GOARCH)
HELPER := runtime/helper/built/helper-$(ARCH)
TOOLBOX := runtime/toolbox/built/toolbox-$(ARCH).tar

helpers: $(HELPER) $(TOOLBOX)

$(HELPER): runtime/helper/build.sh $(wildcard runtime/helper/src/*)
	$<

$(TOOLBOX): cmd/toolbox/build.sh $(wildcard cmd/toolbox/*.go cmd/toolbox/tiny/*.c runtime/image/build/*.go runtime/toolbox/pack/*.go)
	$<

# Programs of others that tests run Minke against.
peers:
	test/peers/build.sh etcd h2spec apiextensions

demo: build
	./examples/demo.sh

test: unit e2e

unit: helpers peers
	$(GO) vet ./...
	$(GO) test -vet=off ./...

# The unit tests with the race detector, but for those that measure memory or
# read the repository, which RACELESS names. With more packages at a time than
# processors one works while another waits.
RACELESS := ./cmd/... ./test/...
race: helpers peers
	CGO_ENABLED=1 $(GO) test -race -vet=off -p 3 $$($(GO) list ./... | grep -v -x -F "$$($(GO) list $(RACELESS))")

raceless: helpers peers
	$(GO) test -vet=off $(RACELESS)

e2e: build peers
	$(GO) test -count=1 -vet=off -tags e2e -timeout 15m ./test/e2e/...

# Every behaviour and operation, once; writes docs/conformance.md and
# docs/endpoints.md. The cluster is taken down also when the run was killed.
conformance: build
	test/peers/build.sh etcd sample-apiserver metrics-server
	CONFORMANCE_REPORT=$(CURDIR)/docs $(GO) test -count=1 -tags conformance -parallel 8 -timeout 30m ./test/conformance; \
	status=$$?; bin/minke down --name $${CONFORMANCE_CLUSTER:-conformance}; exit $$status

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 1m
fuzz:
	test/fuzz/run.sh $(FUZZTIME)

# What is derived from the sources of the modules, and what the tests know of
# Kubernetes' documents: KUBERNETES is the folder of its source.
generate:
	$(GO) test ./apiserver/openapi -run TestFacts -update
	@[ -z "$(KUBERNETES)" ] || $(GO) test ./apiserver/openapi ./apiserver/discovery -run TestKubernetes -reference $(KUBERNETES)/api

# Tests do not vet again what this vets.
lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt these files"; exit 1; }
	$(GO) vet -tags e2e,conformance ./...
	$(GO) tool staticcheck ./...

bench: build
	$(GO) run ./test/bench

# Minke beside upstream's generic API server on etcd, in one run. BENCH is the
# Go module of the measuring tools, which is no part of this repository.
BENCH ?= ../shared/bench
OBJECTS ?= 5000
bench-peers: build
	@[ -f $(BENCH)/api/main.go ] || { echo "bench-peers: there is no apibench in $(BENCH): say where its module is, BENCH=DIR"; exit 1; }
	test/peers/build.sh etcd apiextensions
	cd $(BENCH) && $(GO) build -o $(CURDIR)/build/peers/apibench ./api
	$(GO) run ./test/bench/peers -n $(OBJECTS) -out build/peers/comparison.md

clean:
	rm -rf bin build
FORCE:
