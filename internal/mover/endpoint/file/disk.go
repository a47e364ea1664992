// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/randomread"
)

// A Disk is a disk in a regular file that is read at random. It is a
// disk.Reader.
type Disk struct {
	*Source

	r *randomread.File
}

// OpenDisk opens a disk in a regular file. Errors are those of Open.
func OpenDisk(path string) (*Disk, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &Disk{s, randomread.New(s.f)}, nil
}

// besideMost bounds how much of a folder is read.
const besideMost = 1000

// Beside returns what else is in the folder of a file, sorted, but for what file
// systems and programs put there for themselves: hidden files and lost+found. The
// name of a folder ends in a slash. A folder that cannot be read has nothing in it.
func Beside(path string) []string {
	folder, own := filepath.Split(path)
	f, err := os.Open(filepath.Clean(folder))
	if err != nil {
		return nil
	}
	defer f.Close()                     //nolint:errcheck // It was only read.
	entries, _ := f.ReadDir(besideMost) // What was read before an error is better than nothing.
	var names []string
	for _, e := range entries {
		name := e.Name()
		if name == own || name == "lost+found" || strings.HasPrefix(name, ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Size implements disk.Reader.
func (d *Disk) Size() int64 { return d.stat.Size }

// ReadAt implements disk.Reader.
func (d *Disk) ReadAt(ctx context.Context, p []byte, off int64) error {
	err := d.r.ReadAt(ctx, p, off)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if e := d.changed(); e != nil {
		return e
	}
	return err
}

// Data implements disk.Reader.
func (d *Disk) Data(ctx context.Context, off int64) (disk.Extent, error) {
	return d.r.Data(ctx, off, d.stat.Size)
}

// Unchanged implements disk.Reader.
func (d *Disk) Unchanged() error { return d.changed() }
