// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// A picture is an image that qemu-img makes.
type picture struct {
	reason string
	make   func(t testing.TB, dir string) string
}

// images returns the images that every way of reading is tested with.
func images() map[string]picture {
	ps := map[string]picture{
		"Empty":            created("Nothing is allocated.", "", "3M"),
		"Preallocated":     created("Clusters are allocated and zero.", "preallocation=metadata", "3M"),
		"PreallocatedFull": created("Clusters are allocated and written.", "preallocation=full", "3M"),
		"Writes": created("Writes that touch no boundary of a cluster.", "", "10M",
			"write -P 1 1000k 3333", "write -P 2 9345k 1", "write -P 3 512 70000", "write -P 4 10485000 760"),
		"Zeros": created("Zero clusters, with and without an allocation.", "", "10M",
			"write -P 1 0 1M", "write -z 128k 256k", "write -z -u 512k 128k", "write -z 5M 1M", "discard 64k 64k"),
		"Version2": created("Version 2 knows no zero clusters.", "compat=0.10", "10M",
			"write -P 1 0 1M", "write -z 128k 256k", "discard 512k 128k", "write -P 2 5000001 99999"),
		"Lazy": created("An image that was not closed is dirty.", "lazy_refcounts=on", "10M",
			"write -P 1 0 1M", "write -P 2 3M 100k", "abort"),
		"Subclusters": created("Sub-clusters: written, zeroed, and neither.", "extended_l2=on,cluster_size=128k", "5M",
			"write -P 1 4k 4k", "write -P 2 20k 12345", "write -z 200k 20k", "write -P 3 256k 128k", "write -z 260k 8k",
			"discard 300k 16k", "write -P 4 5242368 512", "write -P 5 124k 8k"),
		"SubclustersSmall": created("The smallest sub-clusters.", "extended_l2=on,cluster_size=16k", "1M",
			"write -P 1 512 512", "write -P 2 1536 1024", "write -P 3 100k 100k", "write -z 110k 2k"),
		"Snapshots": {"The active table alone counts.", func(t testing.TB, dir string) string {
			file := create(t, dir, "", "10M", "write -P 1 0 1M", "write -P 2 4M 200k")
			run(t, "qemu-img", "snapshot", "-c", "one", file)
			qemuIO(t, file, "write -P 3 100k 100k", "write -P 4 5M 10k")
			run(t, "qemu-img", "snapshot", "-c", "two", file)
			qemuIO(t, file, "write -P 5 150k 10k")
			return file
		}},
		"SnapshotReverted": {"An older table is active again.", func(t testing.TB, dir string) string {
			file := create(t, dir, "", "10M", "write -P 1 0 1M")
			run(t, "qemu-img", "snapshot", "-c", "one", file)
			qemuIO(t, file, "write -P 3 100k 100k", "write -P 4 5M 10k")
			run(t, "qemu-img", "snapshot", "-a", "one", file)
			return file
		}},
		"Grown": {"The L1 table moves to the end of the file.", func(t testing.TB, dir string) string {
			file := create(t, dir, "cluster_size=512", "300k", "write -P 1 0 200k")
			run(t, "qemu-img", "resize", "-q", file, "6M")
			qemuIO(t, file, "write -P 2 5M 10k")
			return file
		}},
		"Shrunk": {"Clusters beyond the end were freed.", func(t testing.TB, dir string) string {
			file := create(t, dir, "", "10M", "write -P 1 0 10M")
			run(t, "qemu-img", "resize", "-q", "--shrink", file, "3000k")
			return file
		}},
		"Bitmaps": {"A persistent bitmap is ignored.", func(t testing.TB, dir string) string {
			file := create(t, dir, "", "10M", "write -P 1 0 1M")
			run(t, "qemu-img", "bitmap", "--add", file, "b")
			qemuIO(t, file, "write -P 2 3M 100k")
			return file
		}},
		"Mixed": {"Plain clusters over compressed ones.", func(t testing.TB, dir string) string {
			file := filepath.Join(dir, "image.qcow2")
			run(t, "qemu-img", "convert", "-c", "-O", "qcow2", rawDisk(t, dir, 5_000_000), file)
			qemuIO(t, file, "write -P 1 100k 300k", "write -z 1M 200k", "write -P 2 4999680 512")
			return file
		}},
		"MixedSubclusters": {"Compressed clusters in an image with sub-clusters.", func(t testing.TB, dir string) string {
			file := filepath.Join(dir, "image.qcow2")
			run(t, "qemu-img", "convert", "-c", "-O", "qcow2", "-o", "extended_l2=on", rawDisk(t, dir, 5_000_000), file)
			qemuIO(t, file, "write -P 1 100k 300k", "write -z 1M 20k", "write -P 2 4999680 512")
			return file
		}},
		"OutOfOrder": {"Clusters stand in random order.", func(t testing.TB, dir string) string {
			return scattered(t, dir, "")
		}},
	}
	for _, size := range []int{512, 513, 65536, 1_000_000, 3_145_728, 3_145_729} {
		for _, cluster := range []string{"512", "4k", "64k", "2M"} {
			for _, args := range []string{"", "-c", "-c -o compression_type=zstd", "-c -W -m 8", "-S 0"} {
				name := strings.ReplaceAll(fmt.Sprintf("Convert/%d/%s/%s", size, cluster, args), " ", "")
				ps[name] = picture{"Any size and cluster size.", func(t testing.TB, dir string) string {
					file := filepath.Join(dir, "image.qcow2")
					cmd := append([]string{"convert", "-f", "raw", "-O", "qcow2"}, strings.Fields(args)...)
					run(t, "qemu-img", append(cmd, "-o", "cluster_size="+cluster, rawDisk(t, dir, size), file)...)
					return file
				}}
			}
		}
	}
	return ps
}

func created(reason, options, size string, commands ...string) picture {
	return picture{reason, func(t testing.TB, dir string) string {
		return create(t, dir, options, size, commands...)
	}}
}

func create(t testing.TB, dir, options, size string, commands ...string) string {
	t.Helper()
	file := filepath.Join(dir, "image.qcow2")
	args := []string{"create", "-q", "-f", "qcow2"}
	if options != "" {
		args = append(args, "-o", options)
	}
	run(t, "qemu-img", append(args, file, size)...)
	for _, c := range commands {
		if c == "abort" {
			// The only way to leave an image dirty is to die.
			crash(t, file)
			continue
		}
		qemuIO(t, file, c)
	}
	return file
}
