// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/export"
	"github.com/novasphere/provider-wukong/internal/mover/fsverity"
	"github.com/novasphere/provider-wukong/internal/mover/pack"
	"github.com/novasphere/provider-wukong/internal/mover/pack/frames"
	"github.com/novasphere/provider-wukong/internal/mover/pack/qcow2"
	"github.com/novasphere/provider-wukong/internal/mover/pack/tarball"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// diskInLayer is where KubeVirt looks for a containerDisk's disk, and
	// diskOwner the user that its virtual machines run as.
	diskInLayer = "disk/disk.qcow2"
	diskOwner   = 107
)

// artifact is how a disk becomes what the job asks for.
type artifact struct {
	image     disk.Image
	newPacker func() disk.Packer
	size      int64 // of the artifact, or disk.Unknown
	scanned   int64 // bytes of the disk that were read to learn where it has data

	content *fsverity.Digest // of the disk's bytes; nil: it was not read for that
	diffID  hash.Hash        // of the image's; nil: it is no layer

	// feed returns what is given the image and writes the disk's bytes to w.
	feed func(w disk.ZeroWriter) io.Writer
}

// newArtifact chooses image and packer. Where tables stand before the data, the
// disk is read for them.
func newArtifact(ctx context.Context, want *transfer.Artifact, src disk.Reader, m *export.Meter) (*artifact, error) {
	a := &artifact{
		image: pack.Disk{Reader: src},
		size:  disk.Unknown,
		feed:  func(w disk.ZeroWriter) io.Writer { return w },
	}
	algorithm, level := algorithm(want), want.Compression.Level
	switch {
	case want.Format == transfer.ArtifactQCOW2 && algorithm != transfer.CompressionNone:
		a.newPacker = func() disk.Packer { return qcow2.NewCompressed(src.Size(), algorithm, level) }
		return a, nil
	case want.Format == transfer.ArtifactRaw:
		a.newPacker = framer(algorithm, level, true)
	default:
		var digests []io.Writer
		if want.Earlier != nil {
			digests = a.digests()
		}
		q, err := a.plainQCOW2(ctx, src, m, digests...)
		if err != nil {
			return nil, err
		}
		if want.Format == transfer.ArtifactQCOW2 {
			algorithm = transfer.CompressionNone
		} else if err := a.layer(q); err != nil {
			return nil, err
		}
		a.newPacker = framer(algorithm, level, false)
	}
	if algorithm == transfer.CompressionNone {
		a.size = a.image.Size()
	}
	return a, nil
}

// algorithm is the one that is asked for, or the format's default.
func algorithm(a *transfer.Artifact) transfer.Algorithm {
	if a.Compression.Algorithm != "" {
		return a.Compression.Algorithm
	}
	return a.Format.Algorithms()[0]
}

// framer packs an image as it is, or in frames.
func framer(a transfer.Algorithm, level int, seekable bool) func() disk.Packer {
	switch a { // The job is valid: Zlib belongs to clusters.
	case transfer.CompressionZstd:
		return func() disk.Packer { return frames.NewZstd(level, seekable) }
	case transfer.CompressionGzip:
		return func() disk.Packer { return frames.NewGzip(level) }
	}
	return func() disk.Packer { return pack.Plain{} }
}

// plainQCOW2 makes the image a qcow2 file whose tables come first.
func (a *artifact) plainQCOW2(ctx context.Context, src disk.Reader, m *export.Meter, digests ...io.Writer) (*qcow2.Plain, error) {
	has, err := export.Scan(ctx, a.image, m, digests...)
	if err != nil {
		return nil, err
	}
	q := qcow2.NewPlain(src, has)
	a.image, a.scanned = q, src.Size()
	a.feed = q.Content
	return q, nil
}

// layer makes the image the archive that a containerDisk's layer is.
func (a *artifact) layer(q *qcow2.Plain) error {
	t, err := tarball.New(q, diskInLayer, diskOwner)
	if err != nil {
		return fmt.Errorf("cannot make a layer: %w", err)
	}
	a.image = t
	a.feed = func(w disk.ZeroWriter) io.Writer { return t.Inner(q.Content(w)) }
	a.diffID = sha256.New()
	return nil
}

// digests returns the digests of one pass.
func (a *artifact) digests() []io.Writer {
	a.content = fsverity.New()
	out := []io.Writer{a.feed(a.content)}
	if a.diffID != nil {
		a.diffID.Reset()
		out = append(out, a.diffID)
	}
	return out
}

// passes is how often the disk is read, or the data on it.
func passes(want *transfer.Artifact, up disk.Upload) int64 {
	packed := want.Format == transfer.ArtifactQCOW2 && algorithm(want) != transfer.CompressionNone
	if want.Format == transfer.ArtifactRaw || packed && !up.Parts().Ordered {
		return 1
	}
	return 2
}
