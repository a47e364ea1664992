// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/verify"
	"github.com/novasphere/provider-wukong/internal/mover/engine"
	"github.com/novasphere/provider-wukong/internal/mover/resume"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// discardTimeout bounds the clean-up after a failure that another attempt
	// may mend; it is less than the time that Kubernetes gives a pod to end.
	discardTimeout = 20 * time.Second

	// destroyTimeout bounds the clean-up after bytes that must not be kept.
	destroyTimeout = 10 * time.Minute
)

// Options of Run. The zero value is complete.
type Options struct {
	// Watch is told, when the transfer begins, how to learn how far it is; it
	// returns what is called at the end, after everything is durable or the
	// transfer has failed. news receives when something is to be told at once;
	// nil: never. Nil: nobody watches.
	Watch func(progress func() transfer.Progress, news <-chan struct{}) (stop func(succeeded bool))

	// Overwrite permits to replace a file that is not empty.
	Overwrite bool
}

// Run does what a job says. When it returns, the disk is whole, verified and
// durable at its destination, or the result says why not and nothing is left
// there: no file, and no device that could be booted. The result tells what is
// known in either case. ctx interrupts.
func Run(ctx context.Context, job *transfer.Job, o Options) transfer.Result {
	m := &move{job: job, options: o, result: transfer.Result{Type: transfer.LineResult, ID: job.ID}}
	begin := time.Now()
	stop := func(bool) {}
	err := m.recall()
	if o.Watch != nil {
		stop = o.Watch(m.progress, m.memo.News())
	}
	if err == nil {
		err = m.runInTime(ctx)
	}
	m.result.Seconds = time.Since(begin).Seconds()
	m.result.FetchedBytes = m.fetched.Load()
	m.result.WrittenBytes = m.meter.Written.Load() + m.exported.Sent.Load()
	m.result.ReusedBytes = m.exported.Reused.Load()
	m.result.Attempts = 1 + int(m.retries.Load())
	stop(err == nil)
	if err != nil {
		if !transfer.IsTerminal(err) {
			m.result.Resume = m.memo.Sealed()
		}
		return m.result.Noted(m.notes()).Failed(err)
	}
	return m.result.Noted(m.notes())
}

// recall reads what an attempt before has told.
func (m *move) recall() (err error) {
	if m.job.ResumeDir != "" {
		m.memo, err = resume.Open(m.job.ResumeDir, m.job.ID)
	}
	return err
}

// move is one Run.
type move struct {
	job     *transfer.Job
	options Options
	result  transfer.Result
	memo    *resume.Memo // nil: attempts tell each other nothing
	counters
}

// runInTime is run with the job's deadline.
func (m *move) runInTime(ctx context.Context) error {
	if d := time.Duration(m.job.Limits.Deadline); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, fmt.Errorf("the deadline of %s has passed: %w", d, context.DeadlineExceeded))
		defer cancel()
	}
	err := m.operate(ctx)
	if err == nil || ctx.Err() == nil || transfer.IsTerminal(err) {
		return err
	}
	// Whatever broke, broke because the context had ended; but what was waited
	// for is why it took so long.
	var wait *retry.WaitError
	if errors.As(err, &wait) {
		return fmt.Errorf("cannot go on: %w; before that: %v", context.Cause(ctx), wait.Last) //nolint:errorlint // This one must not give its reason.
	}
	return fmt.Errorf("cannot go on: %w", context.Cause(ctx))
}

// operate does what the job asks for.
func (m *move) operate(ctx context.Context) error {
	switch m.job.Operation { // An operation that is not known is no valid job, which run finds.
	case transfer.OperationExport:
		return m.export(ctx)
	case transfer.OperationRemove:
		return m.remove(ctx)
	}
	return m.run(ctx)
}

// run is an import, from one end to the other.
func (m *move) run(ctx context.Context) (err error) {
	if err := permitted(m.job); err != nil {
		return err
	}
	sum, err := verify.New(m.job.Verification.Checksum)
	if err != nil {
		return err
	}
	src, err := openSource(ctx, m.job, &m.counters)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // It was only read.
	m.sourceOpened(src.Stat())

	img, err := openImage(ctx, src, m.job)
	if err != nil {
		return err
	}
	m.imageOpened(img)
	dst, err := openTarget(m.job, img, m.options.Overwrite)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = discard(ctx, dst, err)
		}
	}()
	spool := openSpool(m.job, img)
	defer spool.Close() //nolint:errcheck // What it kept is not needed any more.

	err = engine.Copy(ctx, engine.Task{
		Source:      src,
		Layout:      img.layout,
		Decompress:  img.decompress,
		Destination: dst,
		Digests:     sum.Hashes(),
		Admit:       img.admitMore,
		Spool:       spool,
		Connections: m.job.Limits.Connections,
		Meter:       &m.meter,
	})
	m.result.Source.VirtualSize = img.layout.VirtualSize()
	m.result.ScratchBytes = spool.Length()
	if err != nil {
		return err
	}
	m.result.Source.Digest = sum.Digest()
	m.result.Source.Size = m.meter.Transferred.Load()
	if err := errors.Join(sum.Check(), src.verify(sum.Digest())); err != nil {
		return err
	}
	m.result.Checksum = sum.Checksum()
	m.result.DiskSize = diskSize(m.job, dst, img)
	return dst.Commit(m.result.DiskSize)
}

// discard removes what a failed transfer wrote. The transfer's context may have
// ended.
func discard(ctx context.Context, dst target, cause error) error {
	timeout := discardTimeout
	if transfer.IsTerminal(cause) {
		timeout = destroyTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := dst.Discard(ctx); err != nil {
		// The first cause has the reason; this one is for whoever reads it.
		return fmt.Errorf("%w; and what was written is not all removed: %v", cause, err) //nolint:errorlint // This one must not give its reason.
	}
	return cause
}
