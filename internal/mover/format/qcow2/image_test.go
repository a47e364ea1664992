// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
)

// TestConvert compares what the layouts place with what qemu-img converts,
// for every image that qemu-img can make for us.
func TestConvert(t *testing.T) {
	for name, tc := range images() {
		if testing.Short() && strings.Contains(name, "Convert/") && !strings.Contains(name, "3145729/64k") {
			continue // See `make unit`.
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := tc.make(t, dir)
			want := convert(t, dir, file)
			image := readFile(t, file)
			done := decoded{}

			for _, step := range []int64{4096, 70001, 1 << 20, 1 << 40} {
				img, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{})
				if err != nil {
					t.Fatalf("%s: Open(): %v", tc.reason, err)
				}
				got := place(t, decodedLayout{img, done}, image, step)
				if !bytes.Equal(got, want) {
					t.Errorf("%s: ranged, %d bytes a time: the disk differs at %s", tc.reason, step, firstDifference(got, want))
				}
				for _, size := range []int64{int64(len(image)), disk.Unknown} {
					got, err := learn(t, decodedLearner{qcow2.NewStream(qcow2.StreamOptions{FileSize: size}), done}, image, step)
					if err != nil {
						t.Errorf("%s: stream, %d bytes a time: %v", tc.reason, step, err)
						continue
					}
					if !bytes.Equal(got, want) {
						t.Errorf("%s: stream, %d bytes a time: the disk differs at %s", tc.reason, step, firstDifference(got, want))
					}
				}
			}
		})
	}
}

// TestSegments checks that a map that does not fit its bound gives the same
// disk as one that does.
func TestSegments(t *testing.T) {
	for _, args := range []string{"", "-c", "-c -o compression_type=zstd"} {
		t.Run(args, func(t *testing.T) {
			dir := t.TempDir()
			file := scattered(t, dir, args)
			want := convert(t, dir, file)
			image := readFile(t, file)
			for _, entries := range []int64{70, 100, 300} {
				fetched := 0
				img, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{
					Memory: entries * 16,
					Fetch:  counting(&fetched),
				})
				if err != nil {
					t.Fatalf("Open(): %v", err)
				}
				first := fetched
				if got := place(t, img, image, 100_000); !bytes.Equal(got, want) {
					t.Errorf("with room for %d entries: the disk differs at %s", entries, firstDifference(got, want))
				}
				if fetched == first {
					t.Errorf("with room for %d entries: the tables were not read again", entries)
				}
			}
		})
	}
}

// TestTableBytes checks that no more is read of the tables than speaks of the
// disk: with clusters of 2 MiB a whole one would be much of a small image.
func TestTableBytes(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/a.qcow2"
	run(t, "qemu-img", "convert", "-O", "qcow2", "-o", "cluster_size=2M", rawDisk(t, dir, 5_000_000), file)
	total := int64(0)
	_, err := qcow2.Open(t.Context(), memory(readFile(t, file)), qcow2.Options{
		Fetch: func(ctx context.Context, f disk.File, ranges []disk.Extent, take func(int, []byte) error) error {
			for _, e := range ranges {
				total += e.Length
			}
			n := 0
			return counting(&n)(ctx, f, ranges, take)
		},
	})
	if err != nil || total != 3*8 {
		t.Errorf("Open() read %d bytes of tables for 3 clusters, error %v", total, err)
	}
}

func TestHeader(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/a.qcow2"
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=32k,compression_type=zstd,extended_l2=on", file, "10M")
	run(t, "qemu-img", "snapshot", "-c", "one", file)
	img, err := qcow2.Open(t.Context(), memory(readFile(t, file)), qcow2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("v%d %d %d %s extended=%t dirty=%t snapshots=%d", img.Version, img.ClusterSize, img.VirtualSize(),
		img.Compression, img.ExtendedL2, img.Dirty, img.Snapshots)
	want := "v3 32768 10485760 zstd extended=true dirty=false snapshots=1"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAdmit checks that nothing but the header is read before the size of the
// disk is approved.
func TestAdmit(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/a.qcow2"
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", file, "1T")
	refusal := fmt.Errorf("too large")
	var asked int64
	_, err := qcow2.Open(t.Context(), memory(readFile(t, file)[:4096]), qcow2.Options{
		Admit: func(n int64) error { asked = n; return refusal },
	})
	if err == nil || asked != 0 {
		t.Errorf("Open() of a file without its tables: asked for %d, error %v", asked, err)
	}
	_, err = qcow2.Open(t.Context(), memory(readFile(t, file)), qcow2.Options{
		Admit: func(n int64) error { asked = n; return refusal },
		Fetch: func(context.Context, disk.File, []disk.Extent, func(int, []byte) error) error {
			t.Error("a table was read before the size was approved")
			return nil
		},
	})
	if diff := cmp.Diff(refusal.Error(), fmt.Sprint(err)); diff != "" || asked != 1<<40 {
		t.Errorf("Open(): asked for %d: %s", asked, diff)
	}
}
