// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

func TestCgroupMounts(t *testing.T) {
	for name, tc := range map[string]struct {
		reason    string
		mountinfo string
		want      []string
	}{
		"V1": {
			reason: "each hierarchy of v1 should be found",
			mountinfo: "25 20 0:21 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
				"26 25 0:22 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n" +
				"27 25 0:23 / /sys/fs/cgroup/memory rw shared:3 - cgroup cgroup rw,memory\n",
			want: []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory"},
		},
		"V2": {
			reason:    "the one hierarchy of v2 should be found once",
			mountinfo: "26 25 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n30 25 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want:      []string{"/sys/fs/cgroup"},
		},
		"None": {reason: "no cgroups should be no error", mountinfo: "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, cgroupMounts(tc.mountinfo)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLoopsBelow(t *testing.T) {
	got := loopsBelow(map[string]string{
		"/dev/loop0": "/state/data/volumes/a.img",
		"/dev/loop1": "/state-of-another/a.img",
		"/dev/loop2": "/state/kubelet/plugins/b",
		"/dev/loop3": "/",
	}, "/state")
	if diff := cmp.Diff([]string{"/dev/loop0", "/dev/loop2"}, got); diff != "" {
		t.Errorf("only the state's devices should be found: -want, +got:\n%s", diff)
	}
}

func TestOpenWithoutCluster(t *testing.T) {
	s := layout.State(t.TempDir())
	if _, err := Open(s); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no lock: got %v", err)
	}
	if err := os.WriteFile(s.InitLock(), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a lock that nobody holds: got %v", err)
	}
}
