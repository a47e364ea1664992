// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/mover/format/archive"
	"github.com/novasphere/provider-wukong/internal/mover/format/compressed"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// diskFolder is where a containerDisk has its disk (KubeVirt user guide,
// "containerDisk").
const diskFolder = "disk"

// detectInArchive finds out what the disk in an archive is, and returns its
// first bytes.
func (i *image) detectInArchive(ctx context.Context, src *peeked, begin []byte, asked transfer.Format) ([]byte, error) {
	packing, err := packing(begin)
	if err != nil {
		return nil, err
	}
	i.compression = packing
	i.decompress = func(r io.Reader) (io.ReadCloser, error) { return unarchive(packing, r) }
	inner, err := i.unpackHead(ctx, src)
	if err != nil {
		return nil, err
	}
	i.found, err = format.Detect(asked, format.Sample{Head: inner, Size: i.inner, Unpacked: true})
	return inner, err
}

// packing is what an archive, of which the first bytes are given, is compressed
// with.
func packing(begin []byte) (format.Compression, error) {
	// As raw bytes, which an archive is taken for like any others.
	found, err := format.Detect(transfer.FormatRaw, format.Sample{Head: begin, Size: int64(len(begin))})
	return found.Compression, err
}

// member is the disk in an archive that may be compressed.
type member struct {
	*archive.Reader
	io.Closer
}

func unarchive(packing format.Compression, r io.Reader) (member, error) {
	if packing == format.None {
		return member{archive.NewReader(r, diskFolder), io.NopCloser(nil)}, nil
	}
	z, err := compressed.NewReader(packing, r)
	if err != nil {
		return member{}, err
	}
	return member{archive.NewReader(z, diskFolder), z}, nil
}

// lookForDisk reads an archive as far as the disk in it; an archive.ErrNone says
// that there is none.
func lookForDisk(r io.Reader) error {
	b := bufio.NewReaderSize(r, head)
	begin, err := b.Peek(head)
	if err != nil && err != io.EOF { //nolint:errorlint // Peek's own: there are fewer bytes.
		return err
	}
	packing, err := packing(begin)
	if err != nil {
		return err
	}
	m, err := unarchive(packing, b)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // It was only read.
	_, err = m.Size()
	return err
}

// farBehind is the error of an archive in which too much stands before the disk.
func farBehind() error {
	return transfer.Terminal(transfer.ReasonFormatRefused, fmt.Errorf(
		"cannot import the source: the first %d MiB of the layer have other files and no disk in /%s; build the image with the disk alone in its layer", maxHead>>20, diskFolder))
}
