#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

# Makes every generated file anew: runs the scripts of hack/generate in the
# order of their names, from the top of the repository.
set -eu
cd "$(dirname "$0")/.."
for step in hack/generate/*.sh; do
	echo "generate: $step"
	sh -eu "$step"
done
