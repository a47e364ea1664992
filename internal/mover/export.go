// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"errors"
	"fmt"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/ratelimit"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/engine/export"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// export makes an artifact of the job's disk, from one end to the other.
func (m *move) export(ctx context.Context) (err error) {
	if err := m.job.Validate(); err != nil {
		return err
	}
	src, err := m.openDisk(m.job.Source.File.Path)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // It was only read.
	if err := m.diskOpened(ctx, src); err != nil {
		return err
	}
	data, err := dataBytes(ctx, src)
	if err != nil {
		return err
	}
	up, err := m.openUpload(ctx, artifactBound(m.job.Artifact, src.Size(), data))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = abort(ctx, up, err)
		}
	}()
	m.total.Store(src.Size() * passes(m.job.Artifact, up))
	a, err := newArtifact(ctx, m.job.Artifact, src, &m.exported)
	if err != nil {
		return err
	}
	m.imageBytes.Store(a.image.Size())
	sum, placed, found, err := m.reuse(ctx, a, src, up)
	if err == nil && !found {
		sum, placed, err = m.bring(ctx, a, src, up)
	}
	if err != nil {
		return err
	}
	m.result.Artifact = facts(m.job.Artifact.Format, a, sum, placed)
	if m.job.Artifact.ReadBack {
		return m.readBack(ctx, sum, placed)
	}
	return nil
}

// exportProgress is what is known of an export now. An image is larger or smaller
// than its disk: what was read of it counts as the same share of the disk.
func (m *move) exportProgress() transfer.Progress {
	size, read := m.diskBytes.Load(), m.exported.Read.Load()
	if image := m.imageBytes.Load(); image > 0 && read > size {
		read = size + int64(float64(read-size)*float64(size)/float64(image))
	}
	p := transfer.Progress{
		Type:             transfer.LineProgress,
		ID:               m.job.ID,
		TransferredBytes: read,
		TotalBytes:       m.total.Load(),
		WrittenBytes:     max(0, m.exported.Sent.Load()), // Spared bytes are subtracted first.
		ResumedBytes:     m.exported.Reused.Load(),
		Connections:      int(m.exported.Connections.Load()),
		Retries:          int(m.retries.Load()),
		Resume:           m.memo.Sealed(),
		Note:             m.notes(),
	}
	return p
}

// diskOpened refuses a disk that is larger than the policy permits.
func (m *move) diskOpened(ctx context.Context, src disk.Reader) error {
	m.result.Source.Size, m.result.DiskSize = src.Size(), src.Size()
	m.result.Source.Format, m.result.Source.VirtualSize = transfer.FormatRaw, src.Size()
	m.diskBytes.Store(src.Size())
	if most := m.job.Policy.MaxVirtualSize; most > 0 && src.Size() > most {
		return transfer.Terminal(transfer.ReasonPolicyDenied,
			fmt.Errorf("cannot export a disk of %s: the policy permits %s", bytesize.Exact(src.Size()), bytesize.Exact(most)))
	}
	return ctx.Err()
}

// bring makes the artifact and gives it its place. What is sent as one stream,
// and what its place has lost, is begun again when that can help; single
// requests are tried again elsewhere.
func (m *move) bring(ctx context.Context, a *artifact, src disk.Reader, up disk.Upload) (sum disk.Sum, placed disk.Placed, err error) {
	var final error
	err = retry.Do(ctx, retry.Policy{Retries: m.job.Limits.Retries, Observe: m.retried}, func(ctx context.Context) error {
		final = nil
		way := asStream(up)
		_, again := way.(disk.Streamer)
		sum, err = m.send(ctx, a, src, way)
		if err == nil {
			again = false
			placed, err = up.Commit(ctx, sum)
		}
		if errors.Is(err, disk.ErrRestart) {
			// It is at its begin again: only the reason and the words are left.
			return &transfer.Error{Reason: transfer.ReasonOf(err), Err: errors.New(err.Error())}
		}
		if !again {
			final = err
			return nil
		}
		return err
	})
	return sum, placed, errors.Join(err, final)
}

// reuse gives its place to what an export before has made, if that was of the same
// disk and its place can do that. That it cannot now is no failure of the export,
// which can be sent.
func (m *move) reuse(ctx context.Context, a *artifact, src disk.Reader, up disk.Upload) (s disk.Sum, p disk.Placed, found bool, err error) {
	before := m.job.Artifact.Earlier
	if before == nil || a.content == nil || a.content.String() != before.ContentDigest {
		return s, p, false, nil
	}
	place, ok := inner(up).(interface {
		Reuse(ctx context.Context, image string) (disk.Sum, disk.Placed, bool, error)
	})
	if !ok {
		return s, p, false, nil
	}
	if err := src.Unchanged(); err != nil {
		return s, p, false, err
	}
	err = retry.Do(ctx, retry.Policy{Retries: m.job.Limits.Retries, Observe: m.retried}, func(ctx context.Context) error {
		s, p, found, err = place.Reuse(ctx, before.Image)
		return err
	})
	if err != nil && !transfer.IsTerminal(err) && ctx.Err() == nil {
		err = nil
	}
	if found {
		m.total.Store(a.scanned)
		m.exported.Reused.Store(s.Size)
		m.noted("The disk is the same as when it was exported before: its layer was not sent again.")
	}
	return s, p, found, err
}

// inner is the upload itself, of one that tries again.
func inner(up disk.Upload) disk.Upload {
	if wrapped, ok := up.(interface{ Unwrap() disk.Upload }); ok {
		return wrapped.Unwrap()
	}
	return up
}

// asStream returns an upload as one that takes a stream, where its place has
// turned out to take nothing else.
func asStream(up disk.Upload) disk.Upload {
	if u, ok := inner(up).(interface{ AsStream() disk.Streamer }); ok {
		if s := u.AsStream(); s != nil {
			return s
		}
	}
	return up
}

// send makes the artifact and sends it once.
func (m *move) send(ctx context.Context, a *artifact, src disk.Reader, up disk.Upload) (disk.Sum, error) {
	m.exported.Read.Store(a.scanned)
	m.exported.Sent.Store(0)
	m.exported.Reused.Store(0)
	task := export.Task{
		Image:       a.image,
		NewPacker:   a.newPacker,
		Size:        a.size,
		Digests:     a.digests(),
		Check:       src.Unchanged,
		Upload:      up,
		Connections: m.job.Limits.Connections,
		Meter:       &m.exported,
	}
	if m.job.Artifact.ReadBack {
		task.Proof = &m.proof
	}
	if rate := m.job.Limits.BytesPerSecond; rate > 0 {
		task.Throttle = ratelimit.NewLimiter(rate).Sent
	}
	sum, err := export.Run(ctx, task)
	if a.diffID != nil {
		a.diffID.Sum(sum.DiffID[:0])
	}
	return sum, err
}

// abort ends an upload that failed. What it has brought stays for another
// attempt when another one can succeed.
func abort(ctx context.Context, up disk.Upload, cause error) error {
	keep := !transfer.IsTerminal(cause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	if err := up.Abort(ctx, keep); err != nil {
		// The first cause has the reason; this one is for whoever reads it.
		return fmt.Errorf("%w; and the upload did not end cleanly: %v", cause, err) //nolint:errorlint // This one must not give its reason.
	}
	return cause
}

// facts are what the result says of an artifact.
func facts(f transfer.ArtifactFormat, a *artifact, s disk.Sum, p disk.Placed) transfer.ArtifactFacts {
	out := transfer.ArtifactFacts{
		URI: p.URI, Format: f, Size: s.Size, ContentDigest: a.content.String(), Validator: p.Validator, VersionID: p.VersionID,
	}
	switch {
	case f == transfer.ArtifactOCI:
		out.Digest = p.Validator
	case s.SHA256 != [32]byte{}:
		out.Digest = digestOf(s.SHA256[:])
	default:
		out.Digest = p.Digest
	}
	return out
}

func digestOf(sum []byte) string { return fmt.Sprintf("sha256:%x", sum) }

// readBack reads the artifact from its place and compares.
func (m *move) readBack(ctx context.Context, sum disk.Sum, placed disk.Placed) error {
	job := *m.job
	job.Source = artifactSource(m.job.Artifact, placed)
	job.Artifact = nil
	src, err := openSource(ctx, &job, &m.counters)
	if err != nil {
		return fmt.Errorf("cannot read the artifact back: %w", err)
	}
	defer src.Close() //nolint:errcheck // It was only read.
	compare := m.proof.Compare()
	got, n, err := export.Digest(ctx, src, compare)
	if err == nil {
		err = compare.Close()
	}
	if err != nil {
		return fmt.Errorf("cannot read the artifact back: %w", err)
	}
	if n != sum.Size || sum.SHA256 != [32]byte{} && got != sum.SHA256 {
		return transfer.Terminal(transfer.ReasonChecksumMismatch, fmt.Errorf(
			"cannot trust the artifact: %d bytes with %s were sent to %s, and it gives %d bytes with %s",
			sum.Size, digestOf(sum.SHA256[:]), placed.URI, n, digestOf(got[:])))
	}
	if m.job.Artifact.Format != transfer.ArtifactOCI {
		m.result.Artifact.Digest = digestOf(got[:])
	}
	return nil
}

// dataBytes is how much of a disk is no hole, as far as can be seen without
// reading it.
func dataBytes(ctx context.Context, src disk.Reader) (int64, error) {
	sum := int64(0)
	for off := int64(0); off < src.Size(); {
		e, err := src.Data(ctx, off)
		if err != nil {
			return 0, err
		}
		if e.Length == 0 {
			break
		}
		sum += e.Length
		off = e.End()
	}
	return sum, nil
}

const (
	// boundShare of an artifact are tables, headers and what cannot be
	// compressed, at most; boundRest is what every artifact has.
	boundShare = 100
	boundRest  = 16 << 20
)

// unpacked reports whether an artifact is the bytes of its disk.
func unpacked(a *transfer.Artifact) bool {
	return a.Format == transfer.ArtifactRaw && algorithm(a) == transfer.CompressionNone
}

// artifactBound is a size that an artifact does not exceed.
func artifactBound(a *transfer.Artifact, size, data int64) int64 {
	if unpacked(a) {
		return size
	}
	// Holes cost something as well: an entry of a table, or the frame of a
	// unit of zeros.
	return data + data/boundShare + (size-data)/(boundShare*4) + boundRest
}
