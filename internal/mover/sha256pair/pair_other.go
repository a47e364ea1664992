// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 || noasm

package sha256pair

const fast = false

func compress(*states, *byte, *byte, int) { panic("sha256pair: no instructions for this") }
