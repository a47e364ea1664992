#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

# Makes every generated file anew: runs the numbered scripts of this folder in
# the order of their names, from the top of the repository.
set -eu
cd "$(dirname "$0")/../.."
for step in hack/generate/[0-9]*.sh; do
	echo "generate: $step"
	sh -eu "$step"
done
