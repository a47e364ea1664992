// SPDX-License-Identifier: Apache-2.0

//go:build !integration

package bucket_test

import "testing"

// others are the servers that take long to build.
func others() map[string]func(*testing.T) server { return nil }
