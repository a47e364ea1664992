// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package autoready pins the function-auto-ready that examples/composition
// names. Its module calls itself otherwise than the repository that it is in.
package autoready

import _ "github.com/crossplane/function-auto-ready"
