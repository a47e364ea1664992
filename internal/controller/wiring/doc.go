// SPDX-License-Identifier: Apache-2.0

// Package wiring sets up every controller that runs movers: its reconciler with
// the back-off that configurations set, the watch on what it has made, and the
// connection to the cluster that a resource's configuration names. It asks for
// them, too, whether the API server would accept an object.
package wiring
