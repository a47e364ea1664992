// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive is a tar whose entries carry no time and no owner, and whose parent
// folders are there before what they hold.
type archive struct {
	tar     *tar.Writer
	folders map[string]bool
}

// writeTar writes a tar of the additions, each SRC:DST, to a file.
func writeTar(file string, additions []string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("cannot make layer: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("cannot finish layer: %w", cerr)
		}
	}()
	a := archive{tar: tar.NewWriter(f), folders: map[string]bool{}}
	for _, addition := range additions {
		src, dst, ok := strings.Cut(addition, ":")
		if !ok {
			return fmt.Errorf("cannot add %q: want SRC:DST", addition)
		}
		if err := a.add(src, strings.TrimPrefix(path.Clean(dst), "/")); err != nil {
			return fmt.Errorf("cannot add %s: %w", src, err)
		}
	}
	if err := a.tar.Close(); err != nil {
		return fmt.Errorf("cannot finish layer: %w", err)
	}
	return nil
}

// add adds a file, or a folder with all that is in it.
func (a archive) add(src, dst string) error {
	return filepath.WalkDir(src, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		to := path.Join(dst, filepath.ToSlash(relative))
		if entry.IsDir() {
			return a.folder(to)
		}
		if err := a.folder(path.Dir(to)); err != nil {
			return err
		}
		return a.file(p, to)
	})
}

// folder adds a folder and its parents, each once.
func (a archive) folder(dst string) error {
	if dst == "." || dst == "" || a.folders[dst] {
		return nil
	}
	if err := a.folder(path.Dir(dst)); err != nil {
		return err
	}
	a.folders[dst] = true
	return a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dst + "/", Mode: 0o755})
}

// file adds one regular file, readable by everybody whatever it was.
func (a archive) file(src, dst string) error {
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: dst, Mode: int64(info.Mode().Perm() | 0o444), Size: info.Size()}
	if info.Mode().Perm()&0o111 != 0 {
		header.Mode |= 0o111
	}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(a.tar, f)
	return err
}
