// SPDX-License-Identifier: Apache-2.0

// Package transfer is the contract between the control plane and the data
// plane, and the only package that both import.
//
// The control plane renders a [Job], a JSON document that says what to move
// and holds no secret. The mover answers in three ways: [Progress], one line
// of JSON on standard output at most every [ProgressInterval]; [Result], the
// last line of standard output and the container's termination message (at
// most [MaxResultBytes]); and an exit code that follows from the result's
// [Reason]. A reason is terminal when only a change of the request or of the
// source can help; everything else is worth another try.
//
// The package imports the standard library only.
package transfer
