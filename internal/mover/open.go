// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"path/filepath"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/block"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/file"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/policy"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/ratelimit"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/engine"
	"github.com/novasphere/provider-wukong/internal/mover/spool"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// memorySpool bounds what is parked where there is no file system to
	// park it on.
	memorySpool = 32 << 20

	// fileSpool bounds what is parked beside a file: this, or one part in
	// fileSpoolPart of the disk.
	fileSpool     = 64 << 20
	fileSpoolPart = 16
)

// openSource opens the job's source. The wrappers stand in this order, the
// innermost first: the policy at every connection, the endpoint, retries, the
// bandwidth limit, and what was read of it to detect the format.
func openSource(ctx context.Context, job *transfer.Job, c *counters) (*peeked, error) {
	var f disk.File
	var blob oci.Blob // zero unless the source is in a registry
	var err error
	switch s := job.Source; {
	case s.HTTP != nil:
		f, err = openHTTP(ctx, job, c)
	case s.S3 != nil:
		f, err = openS3(ctx, job, c)
	case s.Registry != nil:
		f, blob, err = openRegistry(ctx, job, c)
	case block.IsDevice(s.File.Path):
		f, err = block.Open(s.File.Path)
	default:
		f, err = file.Open(s.File.Path)
	}
	if err != nil {
		return nil, err
	}
	if rate := job.Limits.BytesPerSecond; rate > 0 {
		f = ratelimit.New(f, rate)
	}
	p := peek(f)
	p.archive, p.verify = blob.Archive, blob.Verify
	return p, nil
}

func openHTTP(ctx context.Context, job *transfer.Job, c *counters) (disk.File, error) {
	s := job.Source.HTTP
	p, err := policy.New(job.Policy)
	if err != nil {
		return nil, err
	}
	o := httpurl.Options{
		URL:      s.URL,
		Headers:  s.Headers,
		CheckURL: p.CheckURL,
		Link:     link.Options{CAFile: s.CAFile, Control: p.Control, Received: c.received},
	}
	if s.CredentialsDir != "" {
		o.Credentials = func() (auth.Credentials, error) { return auth.Load(s.CredentialsDir) }
	}
	again := retry.Policy{Retries: job.Limits.Retries, Observe: c.retried}
	return retry.Open(ctx, again, func(ctx context.Context) (disk.File, error) { return httpurl.New(ctx, o) })
}

// target is a disk.Writer that keeps or destroys what was written, at the end.
type target interface {
	disk.Writer

	// Commit makes the disk, of size bytes, visible and ends the target.
	Commit(size int64) error

	// Discard removes what was written and ends the target.
	Discard(ctx context.Context) error
}

func openTarget(job *transfer.Job, img *image, overwrite bool) (target, error) {
	d := job.Destination
	if block.IsDevice(d.Path) {
		return block.Create(d.Path, max(img.size, d.Size))
	}
	o := file.Options{
		Path: d.Path, Size: d.Size, Allocated: img.allocated,
		UID: d.UID, GID: d.GID, Mode: d.Mode, Overwrite: overwrite,
	}
	if o.Size == 0 {
		o.Size = img.size
	}
	return file.Create(o)
}

// capacity is how large a disk the destination can hold; disk.Unknown: any.
func capacity(d transfer.Destination) (int64, error) {
	if block.IsDevice(d.Path) {
		return block.Size(d.Path)
	}
	if d.Size > 0 {
		return d.Size, nil
	}
	return disk.Unknown, nil
}

// diskSize is the size of the disk at its destination, which is known now.
func diskSize(job *transfer.Job, dst target, img *image) int64 {
	switch {
	case dst.Size() != disk.Unknown:
		return dst.Size()
	case job.Destination.Size > 0:
		return job.Destination.Size
	}
	return img.layout.VirtualSize()
}

// spooler is an engine.Spool that ends.
type spooler interface {
	engine.Spool

	// Length is how many bytes are on a disk.
	Length() int64
	Close() error
}

func openSpool(job *transfer.Job, img *image) spooler {
	if block.IsDevice(job.Destination.Path) {
		return spool.NewMemory(memorySpool)
	}
	return spool.NewFile(filepath.Dir(job.Destination.Path), max(fileSpool, img.size/fileSpoolPart))
}
