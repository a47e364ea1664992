// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"io/fs"
	"syscall"
	"testing"
)

func owner(t *testing.T, info fs.FileInfo) (uid, gid uint32) {
	t.Helper()
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("this system does not tell a file's owner")
	}
	return st.Uid, st.Gid
}
