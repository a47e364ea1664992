// SPDX-License-Identifier: Apache-2.0

// Package integration runs the controllers against a real API server, etcd
// and controller manager. What needs nodes is played by hand: a provisioner
// that makes volumes, and a kubelet whose movers end as a test says.
package integration
