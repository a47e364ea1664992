#!/usr/bin/env bash
# Runs golangci-lint, built from its pinned module and kept outside the
# repository under the hash of that module's files.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${WUKONG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/provider-wukong}
key=$(cat hack/tools/lint/go.mod hack/tools/lint/go.sum <(go version) | sha256sum | cut -c1-16)
bin=$cache/golangci-lint-$key
if [ ! -x "$bin" ]; then
  echo "Building golangci-lint: about 4 minutes, once."
  mkdir -p "$cache"
  (cd hack/tools/lint && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$bin.new" github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
  find "$cache" -maxdepth 1 -name 'golangci-lint-*' ! -name '*.new' -delete
  mv "$bin.new" "$bin"
fi
"$bin" run ./...
# The modules beside the project's own, by the same rules.
for module in hack/packages test/bench/peers; do
  (cd "$module" && "$bin" run --config "$OLDPWD/.golangci.yml" ./...)
done
