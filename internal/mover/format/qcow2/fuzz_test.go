// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// errLarge keeps the fuzzer from disks that it cannot compare.
var errLarge = errors.New("too large a disk for a fuzzer")

func small(n int64) error {
	if n > 4<<20 {
		return errLarge
	}
	return nil
}

// seeds are small images of each kind.
func seeds(f *testing.F) {
	f.Helper()
	dir := f.TempDir()
	add := func(name string) { f.Add(readFile(f, name), uint16(4096)) }
	f.Add(handmade(), uint16(4096))
	for _, r := range refusals() {
		f.Add(r.edit(handmade()), uint16(1000))
	}
	for _, args := range [][]string{
		{"-c", "-o", "cluster_size=512"},
		{"-c", "-o", "cluster_size=512,compression_type=zstd"},
		{"-c", "-o", "cluster_size=4k,compat=0.10"},
		{"-o", "cluster_size=512"},
		{"-c", "-o", "cluster_size=16k,extended_l2=on"},
	} {
		file := filepath.Join(dir, "seed.qcow2")
		cmd := append([]string{"convert", "-f", "raw", "-O", "qcow2"}, args...)
		run(f, "qemu-img", append(cmd, rawDisk(f, dir, 40_000), file)...)
		add(file)
	}
	add(create(f, dir, "cluster_size=512", "60k", "write -P 1 0 10k", "write -z 2k 2k", "discard 4k 1k", "write -P 2 33000 999"))
	file := create(f, dir, "cluster_size=512", "60k", "write -P 1 0 10k")
	run(f, "qemu-img", "snapshot", "-c", "one", file)
	qemuIO(f, file, "write -P 2 1k 3k")
	run(f, "qemu-img", "resize", "-q", file, "2M")
	qemuIO(f, file, "write -P 3 1M 1k")
	add(file)
	add(create(f, dir, "cluster_size=16k,extended_l2=on", "100k", "write -P 1 512 1024", "write -z 5k 1k", "write -P 2 99k 1k"))
}

// FuzzQCOW2Open checks that no image makes Open panic, and that the pieces of
// every image that is accepted keep the promises of the vocabulary, also where
// the map does not fit its bound.
func FuzzQCOW2Open(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, image []byte, step uint16) {
		var disks [][]byte
		for _, bound := range []int64{0, 2048} {
			img, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{Memory: bound, Admit: small})
			if err != nil {
				checkReason(t, err)
				continue
			}
			d, err := tryPlace(t, img, image, int64(step)+1)
			if err != nil {
				checkReason(t, err)
				continue
			}
			disks = append(disks, d)
		}
		if len(disks) == 2 && !bytes.Equal(disks[0], disks[1]) {
			t.Errorf("the disk depends on the memory bound, at %s", firstDifference(disks[0], disks[1]))
		}
	})
}

// FuzzQCOW2Stream checks that an image that passes by gives the disk that it
// gives when it is read at random, or is refused.
func FuzzQCOW2Stream(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, image []byte, step uint16) {
		var want []byte
		img, err := qcow2.Open(t.Context(), memory(image), qcow2.Options{Admit: small})
		if err == nil {
			want, err = tryPlace(t, img, image, 1<<20)
		}
		for _, size := range []int64{int64(len(image)), disk.Unknown} {
			got, streamErr := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: size, Admit: small}), image, int64(step)+1)
			if streamErr != nil {
				checkReason(t, streamErr)
				continue
			}
			if err != nil {
				t.Errorf("the stream is accepted, but the file is not: %v", err)
			} else if !bytes.Equal(got, want) {
				t.Errorf("the disk of the stream differs at %s", firstDifference(got, want))
			}
		}
	})
}

func checkReason(t *testing.T, err error) {
	t.Helper()
	switch transfer.ReasonOf(err) {
	case transfer.ReasonImageCorrupt, transfer.ReasonImageTooComplex, transfer.ReasonFormatRefused, transfer.ReasonSourceTruncated:
	default:
		if !errors.Is(err, errLarge) {
			t.Errorf("error of reason %s: %v", transfer.ReasonOf(err), err)
		}
	}
}
