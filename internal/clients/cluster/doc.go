// SPDX-License-Identifier: Apache-2.0

// Package cluster turns the configuration that a resource names into a client
// for the cluster in which its disks are made.
//
// Reads go to the API server, never to a cache: what a controller decides
// depends on whether a Job or a claim exists at this moment, and a stale answer
// would make a second one. Caches serve watches only.
package cluster
