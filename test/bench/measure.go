// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

// result is one run of one subject.
type result struct {
	wall    time.Duration // until the disk is durable
	cpu     time.Duration // of the process and its children
	rss     int64         // of the largest single process, bytes
	scratch int64         // greatest size of the scratch folder, bytes
	wire    int64         // bytes that the server sent
	size    int64         // of the output, bytes
}

// measure runs the subjects in turn, A B C A B C …, so that a machine whose
// speed drifts is as unfair to one as to the other.
func (c *benchCase) measure(ctx context.Context, o options, srv *server) error {
	for i := range o.runs {
		for _, s := range c.subjects {
			fmt.Fprintf(os.Stderr, "%s: %s, run %d of %d\n", c.name, s.name, i+1, o.runs)
			if err := s.run(ctx, o, srv); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := s.check(ctx, o, i == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxHangs is how often one run of a subject may be killed because it hangs:
// qemu-img's HTTP driver does so now and then.
const maxHangs = 10

// run runs the subject until it ends by itself, and keeps the result.
func (s *subject) run(ctx context.Context, o options, srv *server) error {
	for range maxHangs {
		r, err := s.once(ctx, o, srv)
		if errors.Is(err, errHangs) {
			s.hangs++
			fmt.Fprintf(os.Stderr, "  %v; again\n", err)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "  %.1f s, %.1f CPU s, %s\n", r.wall.Seconds(), r.cpu.Seconds(), bytes(r.rss))
		s.results = append(s.results, r)
		return nil
	}
	return fmt.Errorf("%w, %d times", errHangs, maxHangs)
}

func (s *subject) once(ctx context.Context, o options, srv *server) (result, error) {
	out := filepath.Join(o.dir, "out")
	if err := os.RemoveAll(out); err != nil {
		return result{}, err
	}
	for _, d := range []string{"data", "scratch"} {
		if err := os.MkdirAll(filepath.Join(out, d), 0o755); err != nil {
			return result{}, err
		}
	}
	syscall.Sync()
	if err := s.warm(o); err != nil {
		return result{}, err
	}
	if err := srv.reset(); err != nil {
		return result{}, err
	}
	cmd, clean, err := s.command(ctx, out)
	if err != nil {
		return result{}, err
	}
	defer clean()
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	peak := s.watchScratch(ctx)
	alive := watchAlive(ctx, cmd.Process)
	err = cmd.Wait()
	scratch := peak()
	if hangs := alive(); hangs != nil {
		return result{}, hangs
	}
	if err != nil {
		return result{}, fmt.Errorf("%w: %s", err, log)
	}
	// A disk that a power cut would take away is not there yet.
	if err := fsync(s.output); err != nil {
		return result{}, err
	}
	wall := time.Since(start)
	made, err := os.Stat(s.output)
	if err != nil {
		return result{}, err
	}
	wire, err := srv.sent()
	ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return result{}, errors.New("this system does not tell what a process used")
	}
	cpu := time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	return result{wall: wall, cpu: cpu, rss: ru.Maxrss << 10, scratch: scratch, wire: wire, size: made.Size()}, err
}

// warm reads the image into the page cache, for every subject alike: some
// machines give cached pages back whenever they like.
func (s *subject) warm(o options) error {
	f, err := os.Open(filepath.Join(o.dir, "www", s.image))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, f)
	return err
}

// fsync makes a file durable.
func fsync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// command returns the subject's command. CDI's importer wants its folders at
// /data and /scratch: they are bound there in a mount namespace.
func (s *subject) command(ctx context.Context, out string) (cmd *exec.Cmd, clean func(), err error) {
	clean = func() {}
	args := s.args
	if s.inNamespace {
		var made []string
		for _, d := range []string{"/data", "/scratch"} {
			if err := os.Mkdir(d, 0o755); err == nil {
				made = append(made, d)
			} else if !errors.Is(err, fs.ErrExist) {
				return nil, nil, err
			}
		}
		made = append(made, "/dev/termination-log")
		clean = func() {
			for _, d := range made {
				_ = os.Remove(d)
			}
		}
		script := fmt.Sprintf(`mount --bind %[1]s/data /data && mount --bind %[1]s/scratch /scratch && exec "$@"`, out)
		args = append([]string{"unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"}, args...)
	}
	cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), s.env...)
	return cmd, clean, nil
}

// watchScratch looks at the scratch folder until the function that it returns
// is called, which gives the greatest size that was seen in bytes. The output
// itself is not scratch.
func (s *subject) watchScratch(ctx context.Context) func() int64 {
	if s.scratch == "" {
		return func() int64 { return 0 }
	}
	ctx, cancel := context.WithCancel(ctx)
	peak := make(chan int64)
	go func() {
		var most int64
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-tick.C:
				most = max(most, s.scratchBytes())
			case <-ctx.Done():
				tick.Stop()
				peak <- most
				return
			}
		}
	}()
	return func() int64 { cancel(); return <-peak }
}

func (s *subject) scratchBytes() int64 {
	var sum int64
	_ = filepath.WalkDir(s.scratch, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.Contains(d.Name(), filepath.Base(s.output)) {
			return nil //nolint:nilerr // A file that goes while we look is no error.
		}
		if i, err := d.Info(); err == nil {
			if st, ok := i.Sys().(*syscall.Stat_t); ok {
				sum += st.Blocks * 512
			}
		}
		return nil
	})
	return sum
}

// check compares the disk with the original, byte for byte on the first run
// and by size later.
func (s *subject) check(ctx context.Context, o options, whole bool) error {
	if s.exports {
		return s.checkArtifact(ctx, o, whole)
	}
	if st, err := os.Stat(s.output); err != nil {
		return err
	} else if st.Size() != o.size {
		return fmt.Errorf("%s made %d bytes, the disk has %d", s.name, st.Size(), o.size)
	}
	if !whole {
		return nil
	}
	return command(ctx, "cmp", s.output, filepath.Join(o.dir, "www", "disk.raw"))
}

// median of a figure over the runs.
func (s *subject) median(figure func(result) float64) float64 {
	var all []float64
	for _, r := range s.results {
		all = append(all, figure(r))
	}
	sort.Float64s(all)
	return all[len(all)/2]
}
