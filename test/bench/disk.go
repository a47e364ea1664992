// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// image is one file that the server offers.
type image struct {
	name   string
	size   int64
	sha256 string
}

// conversions are the images that are made of the raw disk.
var conversions = map[string][]string{
	"zlib.qcow2":  {"-O", "qcow2", "-c", "-m", "16", "-W"},
	"zstd.qcow2":  {"-O", "qcow2", "-c", "-m", "16", "-W", "-o", "compression_type=zstd"},
	"plain.qcow2": {"-O", "qcow2", "-m", "16", "-W"},
}

// framesImage is what the mover exports as a raw image under zstd. It is made
// anew: the mover may have changed.
const framesImage = "disk.raw.zst"

// makeImages makes the disk and its images once; a later run with the same
// size finds them.
func makeImages(ctx context.Context, o options) (map[string]image, error) {
	www := filepath.Join(o.dir, fmt.Sprintf("www-%d-%d", o.size, o.data))
	if err := os.MkdirAll(www, 0o755); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(filepath.Join(o.dir, "www")); err != nil {
		return nil, err
	}
	if err := os.Symlink(www, filepath.Join(o.dir, "www")); err != nil {
		return nil, err
	}
	raw := filepath.Join(www, "disk.raw")
	if err := once(raw, func(path string) error { return makeDisk(ctx, path, o) }); err != nil {
		return nil, err
	}
	for name, args := range conversions {
		err := once(filepath.Join(www, name), func(path string) error {
			fmt.Printf("making %s (up to a few minutes, once)\n", name)
			return command(ctx, "qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), raw, path)...)
		})
		if err != nil {
			return nil, err
		}
	}
	frames := filepath.Join(www, framesImage)
	if err := os.RemoveAll(frames); err != nil {
		return nil, err
	}
	if err := command(ctx, o.mover, "export", "--json", "--format", "raw", "--compression", "zstd", raw, frames); err != nil {
		return nil, err
	}
	return digests(www)
}

// once calls create with a temporary name and renames what it made.
func once(path string, create func(path string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := create(path + ".new"); err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

// makeDisk makes an ext4 file system with files of this machine: programs,
// libraries and source code, as the disk of a development machine has them.
func makeDisk(ctx context.Context, path string, o options) error {
	fmt.Printf("making a disk of %s with %s of files\n", bytes(o.size), bytes(o.data))
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Truncate(o.size); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := command(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path); err != nil {
		return err
	}
	mnt, err := os.MkdirTemp(o.dir, "mnt")
	if err != nil {
		return err
	}
	defer os.Remove(mnt)
	if err := command(ctx, "mount", "-o", "loop", path, mnt); err != nil {
		return err
	}
	err = fill(ctx, mnt, o.data)
	if uerr := command(context.WithoutCancel(ctx), "umount", mnt); err == nil {
		err = uerr
	}
	return err
}

// fill copies regular files until there are n bytes of them.
func fill(ctx context.Context, dir string, n int64) error {
	modules, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	for i, root := range []string{"/usr", string(modules[:len(modules)-1])} {
		to := filepath.Join(dir, fmt.Sprint(i))
		budget := n
		if i == 0 {
			budget = n / 2
		}
		copied, err := copyTree(ctx, root, to, budget)
		if err != nil {
			return err
		}
		n -= copied
	}
	if n > 64<<20 {
		return fmt.Errorf("this machine has too few files: %s are missing; lower -data", bytes(n))
	}
	return nil
}

func copyTree(ctx context.Context, from, to string, budget int64) (int64, error) {
	var copied int64
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil || !d.Type().IsRegular():
			return nil //nolint:nilerr // Unreadable folders and links are of no interest here.
		case copied >= budget:
			return filepath.SkipAll
		}
		dst := filepath.Join(to, path)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return err
		}
		n, err := copyFile(path, dst)
		copied += n
		return err
	})
	return copied, err
}

func copyFile(from, to string) (int64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	return io.Copy(out, in)
}

func digests(www string) (map[string]image, error) {
	images := map[string]image{}
	entries, err := os.ReadDir(www)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(www, e.Name()))
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		n, err := io.Copy(h, f)
		f.Close()
		if err != nil {
			return nil, err
		}
		images[e.Name()] = image{name: e.Name(), size: n, sha256: hex.EncodeToString(h.Sum(nil))}
	}
	return images, nil
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func bytes(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
