// SPDX-License-Identifier: Apache-2.0

// Package spool keeps bytes aside, up to a bound: in a file that has no name, or
// in memory where there is no place for one.
package spool

import (
	"fmt"
	"os"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// exceeded is the error of a spool that would grow over its bound.
func exceeded(bound int64) error {
	return transfer.Terminal(transfer.ReasonImageTooComplex,
		fmt.Errorf("cannot keep more than %s of the image until its tables come", bytesize.Exact(bound)))
}

// A File is a spool in a file. It is used by one goroutine at a time.
type File struct {
	folder string
	bound  int64
	length int64
	f      *os.File // nil: nothing was appended yet
}

// NewFile returns a spool whose file is made in the folder when it is first
// needed, without a name, so that nothing is left of it when the process ends.
func NewFile(folder string, bound int64) *File { return &File{folder: folder, bound: bound} }

// Append implements engine.Spool.
func (s *File) Append(p []byte) error {
	if s.length+int64(len(p)) > s.bound {
		return exceeded(s.bound)
	}
	if s.f == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	if _, err := s.f.WriteAt(p, s.length); err != nil {
		return directio.Classify("write to a scratch file in", s.folder, err)
	}
	s.length += int64(len(p))
	return nil
}

func (s *File) create() error {
	f, err := os.CreateTemp(s.folder, ".scratch-*.partial")
	if err != nil {
		return directio.Classify("make a scratch file in", s.folder, err)
	}
	s.f = f
	return directio.Classify("unlink a scratch file in", s.folder, os.Remove(f.Name()))
}

// ReadAt implements engine.Spool.
func (s *File) ReadAt(p []byte, off int64) error {
	_, err := s.f.ReadAt(p, off)
	return directio.Classify("read a scratch file in", s.folder, err)
}

// Length is how many bytes were appended.
func (s *File) Length() int64 { return s.length }

// Close frees the file.
func (s *File) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// memoryStep is by how much a Memory grows: one slice that grew would be copied,
// and stand in memory twice, each time.
const memoryStep = 1 << 20

// A Memory is a spool in memory. It is used by one goroutine at a time.
type Memory struct {
	bound, length int64
	steps         [][]byte // memoryStep bytes each
}

// NewMemory returns a spool of at most bound bytes.
func NewMemory(bound int64) *Memory { return &Memory{bound: bound} }

// Append implements engine.Spool.
func (s *Memory) Append(p []byte) error {
	if s.length+int64(len(p)) > s.bound {
		return exceeded(s.bound)
	}
	for len(p) > 0 {
		at := s.length % memoryStep
		if at == 0 {
			s.steps = append(s.steps, make([]byte, memoryStep))
		}
		n := copy(s.steps[len(s.steps)-1][at:], p)
		p, s.length = p[n:], s.length+int64(n)
	}
	return nil
}

// ReadAt implements engine.Spool.
func (s *Memory) ReadAt(p []byte, off int64) error {
	if off < 0 || off+int64(len(p)) > s.length {
		return fmt.Errorf("cannot read %d bytes at %d of %d that were kept", len(p), off, s.length)
	}
	for len(p) > 0 {
		n := copy(p, s.steps[off/memoryStep][off%memoryStep:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// Length of what is not in memory alone: 0.
func (s *Memory) Length() int64 { return 0 }

// Close implements io.Closer.
func (s *Memory) Close() error { return nil }
