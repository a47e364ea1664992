// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// maxRSS is what a transfer may need, whatever the size of the disk.
const maxRSS = 256 * mib

// TestMemory imports disks of 1 TiB with the program as it is shipped.
func TestMemory(t *testing.T) {
	cases := map[string]struct {
		reason  string
		options string
		every   int64 // distance between two writes
		length  int64 // of one
	}{
		"EveryTable":    {"data under each table of the disk", "cluster_size=64k", 512 * mib, 64 << 10},
		"SmallClusters": {"131072 clusters of 4 KiB under a thousand tables", "cluster_size=4k", 1024 * mib, 512 << 10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			image := filepath.Join(folder, "image.qcow2")
			command(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", tc.options, image, "1T")
			var writes []string
			for off := int64(0); off < 1<<40; off += tc.every {
				writes = append(writes, "-c", fmt.Sprintf("write -q -P 7 %d %d", off, tc.length))
			}
			command(t, "qemu-io", append(writes, image)...)
			s := httptest.NewServer(http.FileServer(http.Dir(folder)))
			defer s.Close()
			to := filepath.Join(folder, "disk.img")
			e := call(t, "import", s.URL+"/image.qcow2", to)
			r := e.result(t)
			if !r.Succeeded() || r.DiskSize != 1<<40 {
				t.Fatalf("%s: got %+v", tc.reason, r)
			}
			t.Logf("%s: file of %d MiB, %.1f s, peak RSS %d MiB", tc.reason, r.Source.Size/mib, r.Seconds, e.most.rss/mib)
			if e.most.rss == 0 || e.most.rss > maxRSS {
				t.Errorf("%s: peak RSS is %d MiB, want at most %d MiB", tc.reason, e.most.rss/mib, maxRSS/mib)
			}
			checkPattern(t, to, tc.every, tc.length)
		})
	}
}

// checkPattern looks for what was written, and that nothing else was.
func checkPattern(t *testing.T, path string, every, length int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	want, got := bytes.Repeat([]byte{7}, int(length)), make([]byte, length)
	n := int64(0)
	for off := int64(0); off < info.Size(); off += every {
		n++
		if _, err := f.ReadAt(got, off); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("the bytes at %d are not those of the image: %v", off, err)
		}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Blocks*512 > n*length*11/10 {
		t.Errorf("the disk is not sparse: %d bytes are allocated, %d were written", st.Blocks*512, n*length)
	}
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if b, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, b)
	}
}
