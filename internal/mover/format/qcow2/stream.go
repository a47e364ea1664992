// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/cluster"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/mapping"
)

// StreamOptions are the options of [NewStream].
type StreamOptions struct {
	// FileSize in bytes, or disk.Unknown.
	FileSize int64

	// Memory bounds the map, in bytes. Zero: DefaultMemory.
	Memory int64

	// Admit is asked with the virtual size as soon as the header has passed;
	// its error ends Learn.
	Admit func(virtualSize int64) error
}

// A Stream is a qcow2 image that passes by once. It is used by one goroutine
// at a time, but for its decoders. Between two calls of Learn, Pieces is asked
// for the range of the first.
type Stream struct {
	mapping.Plan
	options StreamOptions
	max     int // entries of the map: half of the memory, since it grows by copying

	head  []byte // the beginning of the file, until it holds the header
	start int64  // of the last range given to Learn: what is before it is gone
	end   int64  // of the same

	l1     []uint64
	l1Read int      // entries of l1 that have been read
	order  []uint32 // as mapping.TableOrder returns it; nil while the L1 table is not known
	read   int      // tables of order that have been read

	want  disk.Extent // the structure that is collected
	got   []byte      // of it
	early *earlyTables

	needed int64 // where the file may end at the earliest
	late   []disk.Piece
	parked parking
}

// NewStream returns a layout that has seen no byte yet.
func NewStream(o StreamOptions) *Stream {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	return &Stream{Plan: mapping.Plan{FileSize: o.FileSize}, options: o, max: int(o.Memory / (2 * mapping.EntryBytes))}
}

// VirtualSize implements disk.Layout. It is 0 until the header has passed.
func (s *Stream) VirtualSize() int64 {
	if s.Header == nil {
		return 0
	}
	return s.Header.VirtualSize
}

// NewDecoder implements disk.Layout. It is nil until the header has passed.
func (s *Stream) NewDecoder() disk.Decoder {
	if s.Header == nil {
		return nil
	}
	return cluster.NewDecoder(s.Compression)
}

// Learn implements disk.Learner.
func (s *Stream) Learn(p []byte, off int64) error {
	s.start, s.end = off, off+int64(len(p))
	if s.Header == nil {
		if err := s.learnHeader(p); err != nil || s.Header == nil {
			return err
		}
	}
	if s.FileSize == disk.Unknown && s.end > maxStream*s.VirtualSize()+streamSlack {
		return header.TooComplex("the file goes on beyond %d bytes, far more than a disk of %d bytes takes", s.end, s.VirtualSize())
	}
	if err := s.learnTables(p); err != nil {
		return err
	}
	s.Sort()
	return s.park()
}

// maxStream times the virtual size is what an image with internal snapshots
// can reach. A stream of unknown length that goes on is there to keep us busy.
const (
	maxStream   = 8
	streamSlack = 1 << 30
)

func (s *Stream) learnHeader(p []byte) error {
	s.head = append(s.head, p[:min(len(p), usualHead)]...)
	if len(s.head) < header.Length {
		return nil
	}
	h, err := header.Parse(s.head, s.FileSize)
	if err != nil {
		return err
	}
	if s.options.Admit != nil {
		if err := s.options.Admit(h.VirtualSize); err != nil {
			return err
		}
	}
	s.head, s.Header, s.needed = nil, h, h.TablesEnd
	s.early = &earlyTables{Header: h, room: int(s.options.Memory / 4), tables: map[int64][]byte{}}
	s.want = disk.Extent{Offset: h.ClusterSize, Length: h.ClusterSize}
	return nil
}

// learnTables collects, from the bytes p at s.start, the tables that are
// known to stand there.
func (s *Stream) learnTables(p []byte) error {
	at := s.start
	for s.want.Length > 0 {
		at = max(at, s.want.Offset+int64(len(s.got)))
		n := min(s.want.End(), s.end) - at
		if n <= 0 {
			return nil
		}
		s.got = append(s.got, p[at-s.start:][:n]...)
		if at+n < s.want.End() {
			return nil
		}
		err := s.collected()
		s.got = s.got[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// collected takes what has been collected and says what comes next.
func (s *Stream) collected() error {
	if s.order != nil {
		if err := s.learnTable(s.got, s.want.Offset); err != nil {
			return err
		}
		s.wantTable()
		return nil
	}
	if s.want.Offset < s.L1Offset {
		err := s.early.keep(s.got, s.want.Offset)
		s.wantL1(s.want.End())
		return err
	}
	for p := s.got; len(p) > 0; p = p[8:] {
		s.l1[s.l1Read] = binary.BigEndian.Uint64(p)
		s.l1Read++
	}
	if s.l1Read < len(s.l1) {
		s.wantL1(s.want.End())
		return nil
	}
	return s.learnL1()
}

// wantL1 asks for the cluster at off, which may be a table, or for the part
// of the L1 table there.
func (s *Stream) wantL1(off int64) {
	s.want = disk.Extent{Offset: off, Length: s.ClusterSize}
	if off < s.L1Offset {
		return
	}
	if s.l1 == nil {
		s.l1 = make([]uint64, s.L1Entries)
	}
	s.want.Length = min(s.want.Length, s.L1Offset+s.L1Entries*8-off)
}

// learnL1 takes the L1 table, and the L2 tables that stand before its end.
func (s *Stream) learnL1() error {
	order, err := mapping.TableOrder(s.Header, s.l1, s.FileSize)
	if err != nil {
		return err
	}
	s.order = order
	passed := s.want.End()
	for s.read < len(s.order) {
		off := int64(s.l1[s.order[s.read]])
		if off >= passed {
			break
		}
		table, err := s.early.table(off)
		if err != nil {
			return err
		}
		if err := s.learnTable(table, off); err != nil {
			return err
		}
	}
	s.early = nil
	s.wantTable()
	return nil
}

// wantTable asks for the next L2 table.
func (s *Stream) wantTable() {
	s.want = disk.Extent{}
	if s.read < len(s.order) {
		off := int64(s.l1[s.order[s.read]])
		s.want = disk.Extent{Offset: off, Length: s.ClusterSize}
	}
}

// learnTable takes the L2 table at off for every L1 entry that names it.
func (s *Stream) learnTable(table []byte, off int64) error {
	t := &mapping.Reader{Header: s.Header, FileSize: s.FileSize, Emit: s.emit}
	for ; s.read < len(s.order) && int64(s.l1[s.order[s.read]]) == off; s.read++ {
		if err := t.Read(table, int64(s.order[s.read])); err != nil {
			return err
		}
	}
	return nil
}

// emit takes an entry: what has passed already is late, the rest is planned.
func (s *Stream) emit(e mapping.Entry) error {
	p := e.Piece(s.Header)
	end := p.FileOffset + p.FileLength
	s.needed = max(s.needed, mapping.MustReach(s.Header, p))
	if p.FileOffset >= s.start {
		return s.Add(e, s.max)
	}
	switch {
	case p.Compressed && end > s.start:
		s.parked.tails = append(s.parked.tails, disk.Extent{Offset: s.start, Length: end - s.start})
	case !p.Compressed && end > s.start:
		s.Continue(e)
		p.FileLength = s.start - p.FileOffset
		p.DiskLength = p.FileLength
	}
	s.late = append(s.late, p)
	if int64(len(s.late)) > s.options.Memory/lateBytes {
		return header.TooComplex("its tables come after more than %d fragments of data", len(s.late)-1)
	}
	return nil
}

// lateBytes is what a late piece may take of the memory bound, so that all of
// them take half of it at most.
const lateBytes = 2 * 40

// complete reports whether all tables have been read.
func (s *Stream) complete() bool { return s.order != nil && s.read == len(s.order) }

// Pieces implements disk.Layout.
func (s *Stream) Pieces(_ context.Context, off, n int64) ([]disk.Piece, error) {
	if s.Header == nil {
		return nil, nil
	}
	s.Start(off, off+n)
	if err := s.Begin(off, off+n); err != nil {
		return nil, err
	}
	return s.Plan.Pieces(), nil
}

// Late implements disk.Learner. It is also where a file that ended too early
// shows, with the reason transfer.ReasonSourceTruncated.
func (s *Stream) Late(context.Context) ([]disk.Piece, error) {
	switch {
	case s.Header == nil:
		return nil, header.Truncated("the file ends within the header")
	case s.order == nil:
		return nil, s.Outside("the L1 table", s.L1Offset, s.end)
	case !s.complete():
		return nil, s.Outside("an L2 table", s.want.Offset, s.end)
	case s.needed > s.end:
		return nil, s.Outside("a cluster or table", s.needed-1, s.end)
	case s.FileSize > s.end:
		return nil, header.Truncated("the file ends at offset %d of %d", s.end, s.FileSize)
	}
	slices.SortFunc(s.late, func(a, b disk.Piece) int { return cmp.Compare(a.FileOffset, b.FileOffset) })
	for i := range s.late {
		if err := s.parked.check(&s.late[i]); err != nil {
			return nil, err
		}
	}
	return s.late, nil
}
