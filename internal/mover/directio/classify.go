// SPDX-License-Identifier: Apache-2.0

package directio

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// reasons says what an error of the operating system means for a target. What
// is not here is worth another try.
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var reasons = []struct {
	errno  unix.Errno
	reason transfer.Reason
}{
	{unix.ENOSPC, transfer.ReasonOutOfSpace},
	{unix.EDQUOT, transfer.ReasonOutOfSpace},
	{unix.EFBIG, transfer.ReasonTargetUnusable},
	{unix.EACCES, transfer.ReasonTargetUnusable},
	{unix.EPERM, transfer.ReasonTargetUnusable},
	{unix.EROFS, transfer.ReasonTargetUnusable},
	{unix.EISDIR, transfer.ReasonTargetUnusable},
	{unix.ENOTDIR, transfer.ReasonTargetUnusable},
	{unix.ENOENT, transfer.ReasonTargetUnusable},
	{unix.ENAMETOOLONG, transfer.ReasonTargetUnusable},
	{unix.ELOOP, transfer.ReasonTargetUnusable},
	{unix.ENXIO, transfer.ReasonTargetUnusable},
	{unix.ENODEV, transfer.ReasonTargetUnusable},
	{unix.EBUSY, transfer.ReasonTargetUnusable},
}

// Classify gives an error about a target its reason, and says what could not
// be done with it: the result reads "cannot <verb> <name>: <cause>". An error
// that has a reason keeps it. Nil stays nil.
func Classify(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		// Its text repeats the verb and the name, and may name the
		// descriptor's path instead.
		err = path.Err
	}
	err = fmt.Errorf("cannot %s %s: %w", verb, name, err)
	var known *transfer.Error
	if errors.As(err, &known) {
		return err
	}
	for _, r := range reasons {
		if errors.Is(err, r.errno) {
			return &transfer.Error{Reason: r.reason, Err: err}
		}
	}
	return transfer.Retryable(transfer.ReasonTargetError, err)
}
