// SPDX-License-Identifier: Apache-2.0

package deflate

// Limits of RFC 1951, section 3.2.7.
const (
	maxLitlenSyms = 286
	maxOffsetSyms = 30
	precodeSyms   = 19
)

// precodeOrder is the order in which a header gives the precode's lengths.
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var precodeOrder = [precodeSyms]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the header of a dynamic block (RFC 1951, section 3.2.7) and
// builds its tables.
func (d *Decoder) readTables() error {
	r := &d.reader
	r.refill()
	if r.n < 14 {
		return ErrTruncated
	}
	litlens := r.take(5) + 257
	offsets := r.take(5) + 1
	precodes := r.take(4) + 4
	if litlens > maxLitlenSyms || offsets > maxOffsetSyms {
		return ErrCorrupt
	}
	if err := d.readPrecode(precodes); err != nil {
		return err
	}
	if err := d.readLengths(litlens + offsets); err != nil {
		return err
	}
	s := &d.scratch
	if s.lens[endOfBlock] == 0 {
		return ErrCorrupt
	}
	if !d.dynamic.buildLitlen(s, s.lens[:litlens]) || !d.dynamic.buildOffset(s, s.lens[litlens:litlens+offsets]) {
		return ErrCorrupt
	}
	return nil
}

// readPrecode reads the code in which the lengths of the other codes are written.
func (d *Decoder) readPrecode(n uint) error {
	r := &d.reader
	lens := [precodeSyms]uint8{}
	for _, sym := range precodeOrder[:n] {
		if r.n < 3 {
			r.refill()
			if r.n < 3 {
				return ErrTruncated
			}
		}
		lens[sym] = uint8(r.take(3))
	}
	if !d.scratch.buildPrecode(&lens) {
		return ErrCorrupt
	}
	return nil
}

// readLengths reads the n lengths of the litlen and the offset code, which
// are one sequence: a run may cross from one to the other.
func (d *Decoder) readLengths(n uint) error {
	r := &d.reader
	s := &d.scratch
	for i := uint(0); i < n; {
		if r.n < precodeBits+7 {
			r.refill()
		}
		e := s.precode[r.buf&(1<<precodeBits-1)]
		if uint(e>>8) > r.n {
			return ErrTruncated
		}
		sym := e & 31
		if sym < 16 {
			r.take(uint(e >> 8))
			s.lens[i] = uint8(sym)
			i++
			continue
		}
		r.take(uint(e >> 8))
		run, value, err := d.readRun(sym, i)
		if err != nil {
			return err
		}
		if run > n-i {
			return ErrCorrupt
		}
		for end := i + run; i < end; i++ {
			s.lens[i] = value
		}
	}
	return nil
}

// readRun reads the extra bits of symbol 16, 17 or 18 and returns how often
// which length is repeated. At says how many lengths there are already.
func (d *Decoder) readRun(sym uint16, at uint) (run uint, value uint8, err error) {
	extra, base := uint(2), uint(3)
	switch {
	case sym == 16 && at == 0:
		return 0, 0, ErrCorrupt
	case sym == 16:
		value = d.scratch.lens[at-1]
	case sym == 17:
		extra = 3
	default:
		extra, base = 7, 11
	}
	if d.reader.n < extra {
		return 0, 0, ErrTruncated
	}
	return base + d.reader.take(extra), value, nil
}
