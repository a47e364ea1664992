// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// A volume is a volume or a snapshot: both are a sparse file.
type volume struct {
	ID      string    `json:"id"`
	Source  string    `json:"source,omitempty"` // of a snapshot: the volume's ID
	Block   bool      `json:"block"`
	Size    int64     `json:"size"`             // bytes
	Inside  int64     `json:"inside,omitempty"` // bytes that the file system in it was made for
	Created time.Time `json:"created"`
}

// store keeps volumes in a folder: ID.img is the content, ID.json the rest.
// A volume exists from the moment its ID.json does.
type store struct {
	// mu is held for the length of a copy: one node, few volumes.
	mu  sync.Mutex
	dir string
}

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make folder for volumes: %w", err)
	}
	return &store{dir: dir}, nil
}

// idOf derives a volume's ID from the name that the caller gave to it, so that
// a repeated request finds what the first one made.
func idOf(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return kind + "-" + hex.EncodeToString(sum[:8])
}

func (s *store) image(id string) string { return filepath.Join(s.dir, id+".img") }

func (s *store) record(id string) string { return filepath.Join(s.dir, id+".json") }

// get returns a volume, or an error that is fs.ErrNotExist.
func (s *store) get(id string) (*volume, error) {
	content, err := os.ReadFile(s.record(filepath.Base(id)))
	if err != nil {
		return nil, fmt.Errorf("cannot read volume %s: %w", id, err)
	}
	v := &volume{}
	if err := json.Unmarshal(content, v); err != nil {
		return nil, fmt.Errorf("cannot parse volume %s: %w", id, err)
	}
	return v, nil
}

func (s *store) put(v *volume) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot describe volume %s: %w", v.ID, err)
	}
	next := s.record(v.ID) + ".new"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("cannot write volume %s: %w", v.ID, err)
	}
	if err := os.Rename(next, s.record(v.ID)); err != nil {
		return fmt.Errorf("cannot write volume %s: %w", v.ID, err)
	}
	return nil
}

// remove forgets a volume and its content; one that is not there is no error.
func (s *store) remove(id string) error {
	id = filepath.Base(id)
	for _, f := range []string{s.record(id), s.image(id)} {
		if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot remove volume %s: %w", id, err)
		}
	}
	return nil
}

// create makes an empty volume: a hole of the volume's size, with an ext4 in
// it unless the volume is a block volume.
func (s *store) create(ctx context.Context, v *volume) error {
	if err := s.resize(v); err != nil {
		return err
	}
	if !v.Block {
		// Nothing reserved for root, and inodes for a few large files: CDI
		// reckons with 6 % for the file system, and ext4's defaults take more.
		if err := command(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-T", "largefile", s.image(v.ID)); err != nil {
			return err
		}
		v.Inside = v.Size
	}
	return s.put(v)
}

// copy makes a volume from another's content; it may be larger, and then the
// file system in it grows when it is mounted.
func (s *store) copy(ctx context.Context, v, from *volume) error {
	v.Inside = from.Inside
	if err := command(ctx, "cp", "--sparse=always", "--reflink=auto", s.image(from.ID), s.image(v.ID)); err != nil {
		return err
	}
	if err := s.resize(v); err != nil {
		return err
	}
	return s.put(v)
}

func (s *store) resize(v *volume) error {
	f, err := os.OpenFile(s.image(v.ID), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open volume %s: %w", v.ID, err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(v.Size); err != nil {
		return fmt.Errorf("cannot size volume %s: %w", v.ID, err)
	}
	return nil
}

// grow makes the volume's file system as large as the volume. It must not be
// mounted: growing one that is needs CAP_SYS_RESOURCE, which a machine may
// withhold even from root.
func (s *store) grow(ctx context.Context, v *volume, device string) error {
	if v.Block || v.Inside == v.Size {
		return nil
	}
	if err := command(ctx, "e2fsck", "-f", "-p", device); err != nil && !corrected(err) {
		return err
	}
	if err := command(ctx, "resize2fs", device); err != nil {
		return err
	}
	v.Inside = v.Size
	return s.put(v)
}

// corrected tells whether e2fsck found errors and corrected all (e2fsck(8)).
func corrected(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1
}

// command runs a program and puts what it said into the error. A CSI call that
// times out does not stop it half-way: the repeated call finds it done.
func command(ctx context.Context, name string, args ...string) error {
	output, err := exec.CommandContext(context.WithoutCancel(ctx), name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot run %s: %w: %s", name, err, output)
	}
	return nil
}
