// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"context"
	"math"
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/mapping"
)

const (
	// fetchBytes is how much of the tables is asked for at once.
	fetchBytes = 8 << 20

	// fetchGap is how much is read in vain to save a request: at most 1 %
	// of a file whose tables stand where QEMU puts them.
	fetchGap = 4 << 10

	// maxSegments bounds how often the tables are read.
	maxSegments = 128
)

// A segment is the part of the map that is in memory: the entries whose host
// offset is in [from, limit).
type segment struct {
	entries     []mapping.Entry
	from, limit uint64
}

// readTables reads all L2 tables for the first time: it validates them,
// counts, and keeps the first segment.
func (m *Image) readTables(ctx context.Context, memory int64) error {
	if memory == 0 {
		memory = DefaultMemory
	}
	left := memory - int64(len(m.l1))*8 - int64(len(m.tables))*4
	most := int64(len(m.tables)) * m.TableEntries()
	if m.ExtendedL2 {
		most *= header.Subclusters / 2 // Allocated and not, in turn.
	}
	n := min(max(left, memory/8)/mapping.EntryBytes, most)
	m.segment = segment{entries: make([]mapping.Entry, 0, n), limit: math.MaxUint64}
	count := int64(0)
	err := m.scan(ctx, func(e mapping.Entry) error {
		count++
		if count > n*maxSegments {
			return header.TooComplex("its map has more than %d fragments", n*maxSegments)
		}
		p := e.Piece(m.Header)
		m.allocated += min(p.DiskLength, m.VirtualSize()-p.DiskOffset)
		return m.segment.add(e)
	})
	m.Use(m.segment.entries)
	return err
}

// load reads the tables again and keeps the segment from host offset from on.
func (m *Image) load(ctx context.Context, from uint64) error {
	m.segment.from = from
	m.segment.entries = m.segment.entries[:0]
	m.segment.limit = math.MaxUint64
	err := m.scan(ctx, m.segment.add)
	m.Use(m.segment.entries)
	return err
}

// add keeps e if it belongs to the segment, which gets shorter when it is full.
func (s *segment) add(e mapping.Entry) error {
	if e.Host < s.from || e.Host >= s.limit {
		return nil
	}
	if len(s.entries) == cap(s.entries) {
		if err := s.shrink(); err != nil || e.Host >= s.limit {
			return err
		}
	}
	s.entries = append(s.entries, e)
	return nil
}

// shrink drops about the last quarter of the segment. A sample finds where
// that begins: it costs a pass, where sorting costs twenty. A hostile map can
// mislead it, but must not make us drop entries one by one.
func (s *segment) shrink() error {
	sample := make([]uint64, 0, 2*samples)
	for i := 0; i < len(s.entries); i += len(s.entries)/samples + 1 {
		sample = append(sample, s.entries[i].Host)
	}
	slices.Sort(sample)
	if s.cut(sample[len(sample)*3/4]) {
		return nil
	}
	slices.SortFunc(s.entries, mapping.ByHost)
	if s.cut(s.entries[len(s.entries)*3/4].Host) {
		return nil
	}
	return header.TooComplex("more than %d clusters of the disk share offset %d of the file", cap(s.entries)*3/4, s.entries[0].Host)
}

// samples is how many entries shrink looks at to find the quarter: enough to
// miss it by little.
const samples = 1 << 10

// cut ends the segment before the host offset limit, or behind it if nothing
// stands before. It reports whether that made enough room.
func (s *segment) cut(limit uint64) bool {
	if !slices.ContainsFunc(s.entries, func(e mapping.Entry) bool { return e.Host < limit }) {
		limit++
	}
	before := len(s.entries)
	s.limit = limit
	s.entries = slices.DeleteFunc(s.entries, func(e mapping.Entry) bool { return e.Host >= limit })
	return before-len(s.entries) > before/8
}

// scan reads all L2 tables and emits their entries.
func (m *Image) scan(ctx context.Context, emit func(mapping.Entry) error) error {
	t := &mapping.Reader{Header: m.Header, FileSize: m.FileSize, Emit: emit}
	for rest := m.tables; len(rest) > 0; {
		var b batch
		rest = b.fill(m, rest)
		err := m.fetch(ctx, m.file, b.ranges, func(i int, p []byte) error {
			for _, index := range b.tables[i] {
				at := int64(m.l1[index]) - b.ranges[i].Offset
				if err := t.Read(p[at:at+m.TableLength(int64(index))], int64(index)); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// countRanges is how many ranges a scan reads.
func (m *Image) countRanges() int {
	n := 0
	for rest := m.tables; len(rest) > 0; {
		var b batch
		rest = b.fill(m, rest)
		n += len(b.ranges)
	}
	return n
}

// A batch is what is fetched at once.
type batch struct {
	ranges []disk.Extent
	tables [][]uint32 // of each range: the L1 entries that name its tables
}

// fill takes tables from the front of order and returns the rest.
func (b *batch) fill(m *Image, order []uint32) []uint32 {
	total := int64(0)
	for i, index := range order {
		table := disk.Extent{Offset: int64(m.l1[index]), Length: m.TableLength(int64(index))}
		last := len(b.ranges) - 1
		if last < 0 || table.Offset > b.ranges[last].End()+fetchGap {
			if total+table.Length > fetchBytes && last >= 0 {
				return order[i:]
			}
			b.ranges = append(b.ranges, table)
			b.tables = append(b.tables, order[i:i+1])
			total += table.Length
			continue
		}
		more := max(0, table.End()-b.ranges[last].End())
		if total+more > fetchBytes {
			return order[i:]
		}
		b.ranges[last].Length += more
		total += more
		b.tables[last] = b.tables[last][:len(b.tables[last])+1]
	}
	return nil
}
