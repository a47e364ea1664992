// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package sandbox holds the cluster's processes together, so that all of them
// and all that they made end with one process, whatever happens.
//
// That process, init, is the first of PID, mount, network, UTS and IPC
// namespaces of its own. When it dies the kernel kills every process in them,
// and then mounts, network devices and network namespaces go with their last
// user; so do loop devices of the CSI driver, which are attached with autoclear.
// What the kernel does not remove are cgroups, and loop devices that the
// kubelet puts over block volumes: init removes them when it can, and Clean
// does where it could not.
//
// While the cluster is coming up, init reads from a pipe whose other end only
// the process that started it holds. If that process ends in any way, a kill
// included, the pipe ends and so does init. Keep writes one byte to the pipe,
// and from then on init lives by itself.
package sandbox
