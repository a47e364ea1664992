#!/usr/bin/env bash
# Fails when `make generate` changes a generated file.
set -euo pipefail
cd "$(dirname "$0")/.."
sums() { git ls-files -co --exclude-standard -- 'apis/**/zz_generated*' 'package/**' 'docs/reference/**' | sort | xargs -r sha256sum; }
before=$(sums)
hack/generate/run.sh
if ! diff <(echo "$before") <(sums); then
  echo "Generated files are not up to date: run \`make generate\` and commit what it changes." >&2
  exit 1
fi
