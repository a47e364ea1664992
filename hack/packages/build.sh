#!/usr/bin/env bash
# Builds the packages from _output/bin, of `make build`, into _output/packages:
#
#   hack/packages/build.sh [-registry HOST/PATH] [-version V] [-platforms P,…] [-push]
set -euo pipefail
cd "$(dirname "$0")"
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)}
go build -o ../../_output/bin/packages .
exec ../../_output/bin/packages -root ../.. -version "$version" "$@"
