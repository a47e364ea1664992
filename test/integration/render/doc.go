// SPDX-License-Identifier: Apache-2.0

// Package render runs the Composition of the configuration package through
// Crossplane's own reconciler, offline: `crossplane internal render` with our
// function behind it, again and again, with the resources of one pass observed
// in the next, until the Wukong is ready. It shows what no test of the function
// alone can: that the requirements are answered, that names and owners are
// right, and which conditions Crossplane makes of what the function says.
package render
