// SPDX-License-Identifier: Apache-2.0

// Package loopback finds room for the servers of tests.
package loopback

import (
	"net"
	"testing"
)

// FreeAddress is an address and port on loopback at which nothing listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
