// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine"
	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/mover/format/compressed"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
	"github.com/novasphere/provider-wukong/internal/mover/format/raw"
	"github.com/novasphere/provider-wukong/internal/mover/format/seekable"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// heads are how many bytes of a file are read to detect what it is: first what
// the endpoints keep from their opening request, then, for a compressed file
// of which that unpacks to too little, enough for a block of any compression
// (128 KiB in zstd, RFC 8878 § 3.1.1.2).
const (
	head     = 64 << 10
	longHead = 192 << 10

	// maxHead is what is read of an archive to find the disk in it.
	maxHead = 16 << 20
)

// The tables of an image may cost fewTableRanges requests, or one for each
// bytesPerTableRange of its file. Only images of the smallest clusters need
// more: such a file is read in one pass that learns the tables on its way.
const (
	fewTableRanges     = 4096
	bytesPerTableRange = 128 << 10
)

// image is a source whose format is known.
type image struct {
	found       format.Found // inside the compression
	compression format.Compression
	layout      disk.Layout
	decompress  func(io.Reader) (io.ReadCloser, error) // nil: the layout is that of the source's own bytes
	inner       int64                                  // size of what is inside; disk.Unknown: it shows at the end
	size        int64                                  // virtual size; disk.Unknown: it shows at the end
	allocated   int64                                  // bytes of the disk that hold data; 0: not known
	admission   admission
}

// openImage detects the format of a source and reads its tables, or prepares to
// learn them. A disk that is too large is refused before any table is read.
func openImage(ctx context.Context, src *peeked, job *transfer.Job) (*image, error) {
	room, err := capacity(job.Destination)
	if err != nil {
		return nil, err
	}
	img := &image{inner: disk.Unknown, admission: admission{policy: job.Policy.MaxVirtualSize, capacity: room, target: job.Destination.Path}}
	begin, err := img.detect(ctx, src, job.Format)
	if err != nil {
		return nil, err
	}
	if err := img.choose(ctx, src, begin); err != nil {
		return nil, err
	}
	if img.size != disk.Unknown {
		return img, img.admission.admit(img.size)
	}
	return img, nil
}

// detect finds out what the source is, and returns the image's first bytes.
func (i *image) detect(ctx context.Context, src *peeked, asked transfer.Format) ([]byte, error) {
	begin, err := src.Head(ctx, head)
	if err != nil {
		return nil, err
	}
	if src.archive {
		return i.detectInArchive(ctx, src, begin, asked)
	}
	s := src.Stat()
	sample := format.Sample{Head: begin, Size: s.Size, ContentType: s.ContentType}
	if i.found, err = format.Detect(asked, sample); err != nil {
		return nil, err
	}
	if i.compression = i.found.Compression; i.compression == format.None {
		return begin, i.checkTail(ctx, src, asked)
	}
	i.decompress = func(r io.Reader) (io.ReadCloser, error) { return compressed.NewReader(i.compression, r) }
	inner, err := i.unpackHead(ctx, src)
	if err != nil {
		return nil, err
	}
	sample = format.Sample{Head: inner, Size: disk.Unknown, ContentType: s.ContentType, Unpacked: true}
	i.found, err = format.Detect(asked, sample)
	return inner, err
}

// checkTail looks for the formats whose mark stands at the end of the file.
func (i *image) checkTail(ctx context.Context, src *peeked, asked transfer.Format) error {
	size := src.Stat().Size
	if asked == transfer.FormatRaw || i.found.Format != transfer.FormatRaw || src.inOrder() || size < format.TailSize {
		return nil
	}
	tail := make([]byte, format.TailSize)
	if err := disk.ReadAt(ctx, src, tail, size-format.TailSize); err != nil {
		return err
	}
	return format.CheckTail(tail)
}

// unpackHead returns the first bytes of what the source unpacks to.
func (i *image) unpackHead(ctx context.Context, src *peeked) ([]byte, error) {
	last := int64(longHead)
	if src.archive {
		last = maxHead
	}
	for n := int64(head); ; n = min(4*n, last) {
		packed, err := src.Head(ctx, n)
		if err != nil {
			return nil, err
		}
		whole := int64(len(packed)) < n || int64(len(packed)) == src.Stat().Size
		inner, err := i.unpack(packed)
		if len(inner) == format.HeadSize || whole && err == nil {
			return inner, nil
		}
		switch {
		case !whole && n < last:
		case len(inner) > 0 && !whole:
			return inner, nil
		case src.archive && !whole && transfer.ReasonOf(err) == transfer.ReasonSourceTruncated:
			return nil, farBehind()
		default:
			return nil, err
		}
	}
}

// unpack returns as much of HeadSize bytes as the packed ones hold.
func (i *image) unpack(packed []byte) ([]byte, error) {
	z, err := i.decompress(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer z.Close() //nolint:errcheck // All that it gave was read.
	if m, ok := z.(member); ok {
		if i.inner, err = m.Size(); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(z, format.HeadSize))
}

// choose makes the layout: one that knows its tables where the image can be
// read at random, one that learns them otherwise.
func (i *image) choose(ctx context.Context, src *peeked, begin []byte) error {
	if i.compression == format.Zstd && i.found.Format != transfer.FormatQCOW2 && !src.archive && !src.inOrder() {
		if err := i.openFrames(ctx, src); !errors.Is(err, seekable.ErrNone) {
			return err
		}
	}
	random := i.decompress == nil && !src.inOrder()
	size := i.inner
	if i.decompress == nil {
		size = src.Stat().Size
	}
	switch {
	case i.found.Format == transfer.FormatQCOW2 && random:
		return i.openTables(ctx, src, begin)
	case i.found.Format == transfer.FormatQCOW2:
		return i.learnTables(begin, size)
	case size == disk.Unknown:
		i.layout, i.size = raw.NewStream(), disk.Unknown
	default:
		i.layout = raw.New(size)
		i.size = i.layout.VirtualSize()
	}
	return nil
}

// openFrames has the frames of a zstd file decoded one by one, if it says where
// they are.
func (i *image) openFrames(ctx context.Context, src disk.File) error {
	l, err := seekable.Open(ctx, src)
	if err != nil {
		return err
	}
	i.layout, i.size, i.decompress = l, l.VirtualSize(), nil
	return nil
}

func (i *image) openTables(ctx context.Context, src disk.File, begin []byte) error {
	size := src.Stat().Size
	q, err := qcow2.Open(ctx, src, qcow2.Options{
		Head:      begin,
		Admit:     i.admission.admit,
		Fetch:     engine.ReadRanges,
		MaxRanges: int(max(fewTableRanges, size/bytesPerTableRange)),
	})
	if errors.Is(err, qcow2.ErrScattered) {
		return i.learnTables(begin, size)
	}
	if err != nil {
		return err
	}
	i.layout, i.size, i.allocated = q, q.VirtualSize(), q.AllocatedBytes()
	return nil
}

// learnTables reads the header with a layout of its own, so that the size is
// known before the destination is made.
func (i *image) learnTables(begin []byte, size int64) error {
	o := qcow2.StreamOptions{FileSize: size, Admit: i.admission.admit}
	header := qcow2.NewStream(o)
	if err := header.Learn(begin, 0); err != nil {
		return err
	}
	i.layout, i.size = qcow2.NewStream(o), header.VirtualSize()
	return nil
}
