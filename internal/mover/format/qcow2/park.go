// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/mapping"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

// maxParked bounds the list of parked ranges, 4 MiB.
const maxParked = 1 << 18

// sector is what the length of compressed data is counted in.
const sector = 512

// A parking remembers which ranges of the file the caller keeps.
type parking struct {
	all  []disk.Extent // in the order of the file, joined where they touch
	last []disk.Extent // those of the last range

	// tails are the ends of late compressed clusters that reach into what
	// has not been parked yet.
	tails []disk.Extent

	covered int64 // where the cluster ends that reaches farthest
	known   []disk.Extent
}

// Parked implements disk.Learner.
func (s *Stream) Parked() []disk.Extent { return s.parked.last }

// park finds what of the last range a table that is still to come may name:
// what nothing that is known accounts for.
func (s *Stream) park() error {
	k := &s.parked
	k.last = k.last[:0]
	if !s.complete() {
		s.account()
		at := s.start
		for _, e := range k.known {
			k.add(disk.Extent{Offset: at, Length: e.Offset - at})
			at = max(at, e.End())
		}
		k.add(disk.Extent{Offset: at, Length: s.end - at})
	}
	s.parkTails()
	for _, e := range k.last {
		if n := len(k.all); n > 0 && k.all[n-1].End() >= e.Offset {
			k.all[n-1].Length = max(k.all[n-1].End(), e.End()) - k.all[n-1].Offset
			continue
		}
		k.all = append(k.all, e)
	}
	if len(k.all) > maxParked {
		return header.TooComplex("more than %d parts of the file wait for a table", maxParked)
	}
	return nil
}

func (k *parking) add(e disk.Extent) {
	if e.Length > 0 {
		k.last = append(k.last, e)
	}
}

// parkTails adds the ends of late clusters to what is parked of the range.
func (s *Stream) parkTails() {
	k := &s.parked
	if len(k.tails) == 0 {
		return
	}
	k.last = append(k.last, k.tails...)
	rest := k.tails[:0]
	for _, e := range k.tails {
		if e.End() > s.end {
			rest = append(rest, disk.Extent{Offset: s.end, Length: e.End() - s.end})
		}
	}
	k.tails = rest
	slices.SortFunc(k.last, byOffset)
	joined := k.last[:0]
	for _, e := range k.last {
		e.Length = min(e.End(), s.end) - e.Offset
		if n := len(joined); n > 0 && joined[n-1].End() >= e.Offset {
			joined[n-1].Length = max(joined[n-1].End(), e.End()) - joined[n-1].Offset
			continue
		}
		joined = append(joined, e)
	}
	k.last = joined
}

func byOffset(a, b disk.Extent) int { return cmp.Compare(a.Offset, b.Offset) }

// account lists what is known of the last range, in its order.
func (s *Stream) account() {
	k := &s.parked
	k.known = k.known[:0]
	s.know(s.start, k.covered)
	if s.Header == nil {
		s.know(0, s.end)
		return
	}
	s.know(0, s.ClusterSize)
	s.know(s.L1Offset, s.L1Offset+s.L1Entries*8)
	first := sort.Search(len(s.order), func(i int) bool {
		return int64(s.l1[s.order[i]])+s.ClusterSize > s.start
	})
	for _, i := range s.order[first:] {
		off := int64(s.l1[i])
		if off >= s.end {
			break
		}
		s.know(off, off+s.ClusterSize)
	}
	for _, e := range s.Open() {
		p := e.Piece(s.Header)
		s.know(p.FileOffset, p.FileOffset+p.FileLength)
	}
	s.accountEntries()
	slices.SortFunc(k.known, byOffset)
}

// accountEntries adds the planned entries that begin in the last range.
func (s *Stream) accountEntries() {
	ahead := s.Ahead()
	for i := 0; i < len(ahead) && ahead[i].Host < uint64(s.end); i++ {
		p := ahead[i].Piece(s.Header)
		end := p.FileOffset + p.FileLength
		if p.Compressed {
			// Another cluster may begin anywhere in the last sector. If we
			// know one that does, all before it is most likely this one's.
			own := max(p.FileOffset+1, end-sector)
			if i+1 < len(ahead) && int64(ahead[i+1].Host) < end && !s.nearUnread(p.DiskOffset) {
				own = max(own, int64(ahead[i+1].Host))
			}
			end = own
		}
		s.know(p.FileOffset, end)
		s.parked.covered = max(s.parked.covered, end)
	}
}

// nearUnread reports whether the guest cluster at off is so near to one whose
// table has not been read that a writer with several hands may have put them
// into one sector. There the gaps between clusters are kept too; elsewhere
// they would be many, and of no use.
func (s *Stream) nearUnread(off int64) bool {
	if len(s.parked.all) > maxParked/2 {
		return false
	}
	i := off >> s.ClusterBits
	from, to := max(0, i-window)/s.TableEntries(), (i+window)/s.TableEntries()
	for t := from; t <= to && t < int64(len(s.l1)); t++ {
		if s.l1[t] >= uint64(s.want.Offset) && s.want.Length > 0 {
			return true
		}
	}
	return false
}

// window is how far apart, in clusters, writes of `qemu-img convert -W` can be
// that end up side by side: 16 requests of 2 MiB.
const window = 512

// know adds what [from, to) shares with the last range.
func (s *Stream) know(from, to int64) {
	from, to = max(from, s.start), min(to, s.end)
	if from < to {
		s.parked.known = append(s.parked.known, disk.Extent{Offset: from, Length: to - from})
	}
}

// check validates that a late piece is parked, and cuts a compressed one where
// its last sector is another cluster's.
func (k *parking) check(p *disk.Piece) error {
	i := sort.Search(len(k.all), func(i int) bool { return k.all[i].Offset > p.FileOffset }) - 1
	have := int64(0)
	if i >= 0 {
		have = k.all[i].End() - p.FileOffset
	}
	if short := p.FileLength - have; short <= 0 || p.Compressed && have > 0 && short < sector {
		p.FileLength = min(p.FileLength, have)
		return nil
	}
	return header.TooComplex("a table names offset %d of the file after it has passed and was not kept", p.FileOffset)
}

// earlyTables keeps clusters that can be L2 tables until the L1 table tells
// which are. Data hardly ever looks like a table.
type earlyTables struct {
	*header.Header
	room   int              // bytes
	tables map[int64][]byte // nil for zeros
}

// keep keeps a copy of the cluster at off if it has the form of an L2 table.
func (t *earlyTables) keep(cluster []byte, off int64) error {
	if !t.plausible(cluster) {
		return nil
	}
	if !zeros.Only(cluster) {
		t.room -= len(cluster)
		cluster = bytes.Clone(cluster)
	} else {
		cluster = nil
	}
	t.room -= earlyBytes
	if t.room < 0 {
		return header.TooComplex("its L1 table comes after too much else")
	}
	t.tables[off] = cluster
	return nil
}

// plausible reports whether a cluster has the form of an L2 table.
func (t *earlyTables) plausible(cluster []byte) bool {
	r := &mapping.Reader{Header: t.Header, FileSize: disk.Unknown, Emit: func(mapping.Entry) error { return nil }}
	return r.ReadEntries(cluster, 0, t.TableEntries()) == nil
}

// earlyBytes is what an early table takes beside its content.
const earlyBytes = 64

// table returns the cluster at off.
func (t *earlyTables) table(off int64) ([]byte, error) {
	table, ok := t.tables[off]
	switch {
	case !ok:
		return nil, header.TooComplex("the L2 table at offset %d passed before the L1 table and was not kept", off)
	case table == nil:
		return make([]byte, t.ClusterSize), nil
	}
	return table, nil
}
