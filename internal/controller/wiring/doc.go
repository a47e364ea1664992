// SPDX-License-Identifier: Apache-2.0

// Package wiring is what every controller that runs movers is connected with:
// the watch on what it has made, the back-off that configurations set, the
// options of its reconciler, and the question whether the API server would
// accept an object.
package wiring
