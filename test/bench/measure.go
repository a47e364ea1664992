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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// result is one run of one subject.
type result struct {
	wall    time.Duration   // until what was made is durable
	steps   []time.Duration // of which each program took
	cpu     time.Duration   // of the processes and their children
	rss     int64           // of the largest single process, bytes
	scratch int64           // greatest size of the scratch folder, bytes
	wire    int64           // bytes that the web server sent
	size    int64           // of the output, bytes
}

// measure runs the subjects in turn, A B C A B C …, so that a machine whose
// speed drifts is as unfair to one as to the other. What they made is compared
// with the original on the first run, and by its size later.
func (c *benchCase) measure(ctx context.Context, o options, web *server) error {
	if c.prepare != nil {
		if err := c.prepare(ctx, o, c); err != nil {
			return err
		}
	}
	for i := range o.runs {
		for _, s := range c.subjects {
			fmt.Fprintf(os.Stderr, "%s: %s, run %d of %d\n", c.name, s.name, i+1, o.runs)
			if err := c.run(ctx, o, web, s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := s.check(ctx, o, i == 0); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return os.RemoveAll(o.outputs())
}

// maxHangs is how often one run of a subject may be killed because it hangs:
// qemu-img's HTTP driver does so now and then.
const maxHangs = 10

// run runs a subject until it ends by itself, and keeps the result.
func (c *benchCase) run(ctx context.Context, o options, web *server, s *subject) error {
	for range maxHangs {
		r, err := c.once(ctx, o, web, s)
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

func (c *benchCase) once(ctx context.Context, o options, web *server, s *subject) (result, error) {
	if err := layOut(o); err != nil {
		return result{}, err
	}
	if c.server != nil {
		p, err := c.server(ctx, o, c.folder)
		if err != nil {
			return result{}, err
		}
		defer p.stop()
	}
	if err := s.warm(); err != nil {
		return result{}, err
	}
	if err := backMemory(ctx, o); err != nil {
		return result{}, err
	}
	if err := web.reset(); err != nil {
		return result{}, err
	}
	r, err := s.time(ctx, o)
	if err != nil {
		return result{}, err
	}
	r.wire, err = web.sent()
	return r, err
}

// layOut makes the folders of a run anew, and has nothing left to be written.
func layOut(o options) error {
	if err := os.RemoveAll(o.outputs()); err != nil {
		return err
	}
	for _, d := range []string{filepath.Join(o.outputs(), "data"), o.scratch(), o.stored()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	syscall.Sync()
	return nil
}

// warm reads what is read into the page cache, for every subject alike: some
// machines give cached pages back whenever they like.
func (s *subject) warm() error {
	path, _, err := largest(s.reads)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(struct{ io.Writer }{io.Discard}, f)
	return err
}

// backMemory fills memory, more than a run caches of what it writes where there is
// so much, and frees it. Hosts of virtual machines take free memory back within
// seconds; each page of it then costs whoever needs it next, or whose server does,
// ten times as much: that is no program's work.
func backMemory(ctx context.Context, o options) error {
	const folder = "/dev/shm"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return fmt.Errorf("cannot see how much memory %s may take: %w", folder, err)
	}
	size := min(o.size*3/2, int64(fs.Bavail)*fs.Bsize/2)
	file := filepath.Join(folder, "wukong-bench")
	defer os.Remove(file)
	return command(ctx, "dd", "if=/dev/zero", "of="+file, "bs=1M", "count="+strconv.FormatInt(size>>20, 10))
}

// time runs the subject's programs, one after another.
func (s *subject) time(ctx context.Context, o options) (result, error) {
	clean, err := s.bind()
	if err != nil {
		return result{}, err
	}
	defer clean()
	r := result{}
	peak := s.watchScratch(ctx)
	start := time.Now()
	for _, args := range s.steps {
		if err = s.step(ctx, o, &r, args); err != nil {
			break
		}
	}
	r.scratch = peak()
	if err != nil {
		return result{}, err
	}
	made, size, err := largest(s.output)
	if err != nil {
		return result{}, err
	}
	// A disk that a power cut would take away is not there yet.
	if err := fsync(made); err != nil {
		return result{}, err
	}
	r.wall, r.size = time.Since(start), size
	return r, nil
}

// step runs one program and adds what it used to a result.
func (s *subject) step(ctx context.Context, o options, r *result, args []string) error {
	cmd := s.command(ctx, o, args)
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	alive := watchAlive(ctx, cmd.Process)
	err := cmd.Wait()
	if hangs := alive(); hangs != nil {
		return hangs
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, log)
	}
	ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell what a process used")
	}
	r.steps = append(r.steps, time.Since(start))
	r.cpu += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	r.rss = max(r.rss, ru.Maxrss<<10)
	return nil
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

// bind makes what CDI's importer has at fixed places, and returns a function
// that removes it.
func (s *subject) bind() (clean func(), err error) {
	if !s.inNamespace {
		return func() {}, nil
	}
	made := []string{"/dev/termination-log"}
	for _, d := range []string{"/data", "/scratch", "/tmp/all_certs"} {
		if err := os.Mkdir(d, 0o755); err == nil {
			made = append(made, d)
		} else if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return func() {
		for _, d := range made {
			_ = os.Remove(d)
		}
	}, nil
}

// command returns one of the subject's commands. CDI's importer wants its
// folders at /data and /scratch: they are bound there in a mount namespace.
func (s *subject) command(ctx context.Context, o options, args []string) *exec.Cmd {
	env := append(os.Environ(), s.env...)
	if s.inNamespace {
		script := fmt.Sprintf(`mount --bind %[1]s/data /data && mount --bind %[1]s/scratch /scratch && exec "$@"`, o.outputs())
		args = append([]string{"unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"}, args...)
	} else {
		// Whoever needs scratch makes it where it is seen.
		env = append(env, "TMPDIR="+o.scratch())
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = env
	return cmd
}

// watchScratch looks at the scratch folder until the function that it returns
// is called, which gives the greatest size that was seen in bytes. The output
// itself, and what is to be renamed to it, is not scratch.
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
		isOutput := filepath.Dir(path) == filepath.Dir(s.output) && strings.Contains(filepath.Base(path), filepath.Base(s.output))
		if err != nil || !d.Type().IsRegular() || isOutput {
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

// check compares what was made with the original on the first run, and with what
// the first run made, by its size, later: programs that write out of order
// make images of slightly different sizes.
func (s *subject) check(ctx context.Context, o options, first bool) error {
	made, size, err := largest(s.output)
	if err != nil {
		return err
	}
	if first {
		return s.equals(ctx, o, made)
	}
	if was := s.results[0].size; size < was*99/100 || size > was*101/100 {
		return fmt.Errorf("made %d bytes, the first time %d", size, was)
	}
	return nil
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
