// SPDX-License-Identifier: Apache-2.0

// Package libnbd stands in for libguestfs.org/libnbd, whose module cannot be
// fetched from everywhere and which needs cgo. CDI compiles against it for its
// VDDK source alone; that source answers with an error in the test cluster.
package libnbd

import "errors"

// Values of the NBD protocol that CDI's VDDK source names.
const (
	STATE_HOLE       = 1
	STATE_ZERO       = 2
	CMD_FLAG_REQ_ONE = 8
)

var errAbsent = errors.New("libnbd is not a part of the test cluster's CDI")

// LibnbdError is the error type of the real library.
type LibnbdError struct {
	Op     string
	Errmsg string
}

func (e *LibnbdError) Error() string { return e.Op + ": " + e.Errmsg }

func (e *LibnbdError) String() string { return e.Error() }

// CmdFlag is a flag of one NBD command.
type CmdFlag uint32

// PreadOptargs are the optional arguments of Pread.
type PreadOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// BlockStatusOptargs are the optional arguments of BlockStatus.
type BlockStatusOptargs struct {
	FlagsSet bool
	Flags    CmdFlag
}

// ExtentCallback receives the extents of one BlockStatus answer.
type ExtentCallback func(metacontext string, offset uint64, entries []uint32, err *int) int

// Libnbd is a handle that never connects.
type Libnbd struct{}

// Create returns an error: there is no library behind this package.
func Create() (*Libnbd, error) { return nil, errAbsent }

// AddMetaContext returns an error.
func (*Libnbd) AddMetaContext(string) error { return errAbsent }

// ConnectUri returns an error.
func (*Libnbd) ConnectUri(string) error { return errAbsent }

// GetSize returns an error.
func (*Libnbd) GetSize() (uint64, error) { return 0, errAbsent }

// Pread returns an error.
func (*Libnbd) Pread([]byte, uint64, *PreadOptargs) error { return errAbsent }

// Close has nothing to do.
func (*Libnbd) Close() *LibnbdError { return nil }

// BlockStatus returns an error.
func (*Libnbd) BlockStatus(uint64, uint64, ExtentCallback, *BlockStatusOptargs) error {
	return errAbsent
}
