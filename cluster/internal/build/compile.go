// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// every is how often a build says how far it is.
const every = 5 * time.Second

// errorLines is how much of a failed build's output its error repeats.
const errorLines = 20

// environment is the Go command's: the machine's caches, but no workspace and
// no other toolchain than the one that runs this program.
func environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+flags, "GOWORK=off", "GOTOOLCHAIN=local")
}

// compile builds a unit's programs into a folder.
func (b *Builder) compile(ctx context.Context, u Unit, to string) error {
	b.logf("building %s: %s; about %s if nothing of it is in the build cache", u.Name, names(u), u.Takes)
	start := time.Now()
	args := []string{"build", "-v", "-ldflags", "-s -w " + u.LDFlags, "-o", to + string(filepath.Separator)}
	if u.Tags != "" {
		args = append(args, "-tags", u.Tags)
	}
	for _, p := range u.Programs {
		args = append(args, p.Package)
	}
	if err := b.watch(ctx, u, exec.CommandContext(ctx, "go", args...)); err != nil {
		return fmt.Errorf("cannot build %s: %w", u.Name, err)
	}
	for _, p := range u.Programs {
		made := binary(p.Package)
		if p.Package == "." {
			made = filepath.Base(u.Module)
		}
		if err := os.Rename(filepath.Join(to, made), filepath.Join(to, p.Name)); err != nil {
			return fmt.Errorf("cannot name program: %w", err)
		}
	}
	b.logf("built %s in %s", u.Name, time.Since(start).Round(time.Second))
	return nil
}

// watch runs a build and counts the packages that it names (-v) as it goes.
func (b *Builder) watch(ctx context.Context, u Unit, cmd *exec.Cmd) error {
	cmd.Dir, cmd.Env = filepath.Join(b.Modules, u.Module), environment()
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	var packages atomic.Int64
	output := make(chan []byte, 1)
	go func() { output <- count(reader, &packages) }()
	ended := make(chan error, 1)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start go: %w", err)
	}
	go func() {
		err := cmd.Wait()
		_ = writer.Close()
		ended <- err
	}()
	start, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.logf("building %s: %d packages compiled, %s", u.Name, packages.Load(), time.Since(start).Round(time.Second))
		case err := <-ended:
			text := <-output
			if err != nil {
				return errors.Join(err, ctx.Err(), errors.New(string(text)))
			}
			return nil
		}
	}
}

// count counts the lines that name a package and returns the last of the rest,
// which say what went wrong.
func count(r io.Reader, packages *atomic.Int64) []byte {
	var rest [][]byte
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if isPackage(lines.Text()) {
			packages.Add(1)
			continue
		}
		rest = append(rest, bytes.Clone(lines.Bytes()))
	}
	// What is too long to be a line must be read all the same, or go waits.
	_, _ = io.Copy(io.Discard, r)
	return bytes.Join(rest[max(0, len(rest)-errorLines):], []byte("\n"))
}

// isPackage tells a line of go build -v from a message.
func isPackage(line string) bool { return line != "" && !strings.ContainsAny(line, " \t:#") }

func names(u Unit) string {
	var all []string
	for _, p := range u.Programs {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

func (b *Builder) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Log, format+"\n", args...)
}
