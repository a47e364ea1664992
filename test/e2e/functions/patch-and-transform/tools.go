// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package patchandtransform pins the function-patch-and-transform that
// examples/composition is tested with: the newest release that can be had as a
// Go module. It needs an older SDK than function-auto-ready, hence a module each.
package patchandtransform

import _ "github.com/crossplane-contrib/function-patch-and-transform"
