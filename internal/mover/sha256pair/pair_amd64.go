// SPDX-License-Identifier: Apache-2.0

//go:build !noasm

package sha256pair

import "github.com/klauspost/cpuid/v2"

// fast reports whether the processor has the instructions.
var fast = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4) //nolint:gochecknoglobals // A property of the processor.

// compress continues two states with n bytes each at a and b, n being a multiple
// of 64 and not 0.
//
//go:noescape
func compress(s *states, a, b *byte, n int)
