// SPDX-License-Identifier: Apache-2.0

// Package build makes the cluster's programs from pinned Go modules, once.
//
// The result of a build stands in the cache under a name that is derived from
// all that went into it: module files, sources of our own, flags and the Go
// version. So whether a build is needed is a question of whether a folder
// exists, and nothing that is there is ever wrong.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keep is the number of results of one name that outlive a new one, so that
// switching between two branches does not build.
const keep = 2

// flags of every build: nothing of this machine's paths or of the checkout's
// state gets into a binary, and what debuggers read is not made at all.
const flags = "-trimpath -buildvcs=false -mod=readonly -gcflags=all=-dwarf=false"

// Builder builds into a cache.
type Builder struct {
	Cache   string    // folder of all results
	Modules string    // cluster/modules
	Log     io.Writer // gets a line now and then
}

// Dir returns the folder that holds the unit's programs, or will hold them.
func (b *Builder) Dir(ctx context.Context, u Unit) (string, error) {
	key, err := b.key(ctx, u)
	if err != nil {
		return "", err
	}
	return filepath.Join(b.Cache, u.Name+"-"+key), nil
}

// Path returns the path of a program; it is there once the unit is built.
func (b *Builder) Path(ctx context.Context, program string) (string, error) {
	u, ok := Find(program)
	if !ok {
		return "", fmt.Errorf("cannot find program %q", program)
	}
	dir, err := b.Dir(ctx, u)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, program), nil
}

// Build returns the folder with the unit's programs, and makes them first if
// nobody has.
func (b *Builder) Build(ctx context.Context, u Unit) (string, error) {
	dir, err := b.Dir(ctx, u)
	if err != nil {
		return "", err
	}
	return dir, b.Once(ctx, dir, func(to string) error { return b.compile(ctx, u, to) })
}

// Once makes the folder dir in the cache unless it is there: fill fills a
// folder that takes its place when all is done. Of two processes that want the
// same, one waits for the other. Older folders of the same name go.
func (b *Builder) Once(ctx context.Context, dir string, fill func(to string) error) error {
	if touch(dir) {
		return nil
	}
	name := filepath.Base(dir)[:strings.LastIndex(filepath.Base(dir), "-")]
	unlock, err := lock(ctx, filepath.Join(b.Cache, "."+name+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if touch(dir) {
		return nil
	}
	scratch, err := os.MkdirTemp(b.Cache, "."+name+"-")
	if err != nil {
		return fmt.Errorf("cannot make scratch folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := fill(scratch); err != nil {
		return err
	}
	if err := os.Chmod(scratch, 0o755); err != nil {
		return fmt.Errorf("cannot open folder to readers: %w", err)
	}
	if err := os.Rename(scratch, dir); err != nil {
		return fmt.Errorf("cannot keep result: %w", err)
	}
	return b.prune(name)
}

// touch marks a folder as used, and tells whether it is there.
func touch(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// prune removes all but the most recently used folders of a name.
func (b *Builder) prune(name string) error {
	dirs, err := filepath.Glob(filepath.Join(b.Cache, name+"-????????????????"))
	if err != nil {
		return fmt.Errorf("cannot list cache: %w", err)
	}
	slices.SortFunc(dirs, func(x, y string) int { return modified(y).Compare(modified(x)) })
	for _, d := range dirs[min(keep, len(dirs)):] {
		if err := os.RemoveAll(d); err != nil {
			return fmt.Errorf("cannot prune cache: %w", err)
		}
	}
	return nil
}

func modified(dir string) time.Time {
	info, err := os.Stat(dir)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// lock locks a file, and waits for it as long as the context allows.
func lock(ctx context.Context, file string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("cannot make cache: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", file, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", file, ctx.Err())
		}
	}
}

// key names what a unit is built from.
func (b *Builder) key(ctx context.Context, u Unit) (string, error) {
	module := filepath.Join(b.Modules, u.Module)
	version := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	version.Dir, version.Env = module, environment()
	platform, err := version.Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask go for its version: %w", err)
	}
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%s\n%s\n%+v\n", platform, flags, u)
	for _, f := range []string{"go.mod", "go.sum"} {
		if err := hashFile(hash, module, filepath.Join(module, f)); err != nil {
			return "", err
		}
	}
	for _, dir := range sources(module, u) {
		if err := hashTree(hash, module, dir); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// sources returns the folders with our own sources of a unit: its programs',
// and modules that stand in for others.
func sources(module string, u Unit) []string {
	var dirs []string
	for _, p := range u.Programs {
		if strings.HasPrefix(p.Package, ".") {
			dirs = append(dirs, filepath.Join(module, p.Package))
		}
	}
	if u.Name == CDI {
		dirs = append(dirs, filepath.Join(module, "libnbd"))
	}
	return dirs
}

// hashTree adds a folder's Go files to a hash, but for tests.
func hashTree(hash io.Writer, root, dir string) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("cannot list sources: %w", err)
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		return hashFile(hash, root, file)
	})
}

func hashFile(hash io.Writer, root, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read source: %w", err)
	}
	name, err := filepath.Rel(root, file)
	if err != nil {
		return fmt.Errorf("cannot name source: %w", err)
	}
	_, err = fmt.Fprintf(hash, "%s %x\n", name, sha256.Sum256(content))
	return err
}

// ModuleDir returns the folder with the source of a module that one of ours
// requires, and fetches it first if it is not there.
func (b *Builder) ModuleDir(ctx context.Context, ours, module string) (string, error) {
	for _, args := range [][]string{{"mod", "download", module}, {"list", "-m", "-f={{.Dir}}", module}} {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = filepath.Join(b.Modules, ours), environment()
		output, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("cannot get module %s: %w: %s", module, err, output)
		}
		if dir := strings.TrimSpace(string(output)); dir != "" {
			return dir, nil
		}
	}
	return "", fmt.Errorf("cannot get module %s: it has no folder", module)
}
