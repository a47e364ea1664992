// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package crossplane pins the Crossplane that the cluster runs.
package crossplane

import _ "github.com/crossplane/crossplane/v2/cmd/crossplane"
