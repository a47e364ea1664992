// SPDX-License-Identifier: Apache-2.0

// Package mover moves one disk: [Run] does what a job says and answers with a
// result, [Inspect] tells what a source holds.
//
// It is the data plane's composition root. open.go chooses endpoints and wraps
// them, image.go chooses the format, admit.go says what is too large; package
// engine does the work.
package mover
