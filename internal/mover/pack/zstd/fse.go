// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"math/bits"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
)

const (
	maxStates  = 1 << 9
	maxSymbols = 64
)

// An fse is the encoding table of a finite state entropy code (RFC 8878 section
// 4.1).
type fse struct {
	log     uint
	states  [maxStates]uint16
	symbols [maxSymbols]transition
	norm    [maxSymbols]int16
	used    int // symbols, with those that do not occur among them
}

// A transition tells, for a symbol, how many bits leave a state, and where in
// states the next one stands.
type transition struct {
	bits uint32 // 65536 × the number of bits, less the state from which on they are one more
	next int32
}

// start gives the state before the first symbol, whose choice costs nothing.
func (f *fse) start(symbol uint8) uint32 {
	t := f.symbols[symbol%maxSymbols]
	n := (t.bits + 1<<15) >> 16
	return uint32(f.states[int32((n<<16-t.bits)>>(n&31))+t.next])
}

// step gives what is to be written for a symbol, and the next state.
func (f *fse) step(state uint32, symbol uint8) (v uint64, bits uint, next uint32) {
	t := &f.symbols[symbol%maxSymbols]
	n := (state + t.bits) >> 16
	high := state >> (n & 31)
	return uint64(state ^ high<<(n&31)), uint(n), uint32(f.states[uint32(int32(high)+t.next)%maxStates])
}

// stop writes the last state, with which a decoder begins.
func (f *fse) stop(w *bitstream.Writer, state uint32) {
	w.Add(uint64(state&(1<<f.log-1)), f.log)
	w.Flush()
}

// single makes the table of a symbol which is the only one: it needs no bits.
func (f *fse) single() {
	f.log = 0
	f.states[0] = 0
	clear(f.symbols[:])
}

// end writes the bit that marks the end of a stream which is read backwards
// (section 4.1.1), and returns all that was appended to.
func end(w *bitstream.Writer) []byte {
	w.Add(1, 1)
	return w.Bytes()
}

// tableLog is the best accuracy for n symbols of which used are different.
func tableLog(n, used, most int) uint {
	log := min(most, bits.Len(uint(n-1))-1-2)
	log = max(log, min(bits.Len(uint(n)), bits.Len(uint(used-1))+1))
	return uint(min(max(log, 5), most))
}

// set makes the table from how often each symbol occurs, at least two of them;
// total is their sum.
func (f *fse) set(counts []uint32, total int, log uint) {
	f.used = len(counts)
	f.log = log
	f.normalize(counts, total)
	f.build()
}

// preset makes the table from probabilities that are known.
func (f *fse) preset(norm []int16, log uint) {
	f.used = copy(f.norm[:], norm)
	f.log = log
	f.build()
}

// normalize spreads 1<<log over the symbols, as they occur; -1 is less than 1.
func (f *fse) normalize(counts []uint32, total int) {
	left, largest := 1<<f.log, 0
	for i, n := range counts {
		p := int16(0)
		if n > 0 {
			exact := uint64(n) << (f.log + 8) / uint64(total)
			switch {
			case exact <= 1<<8:
				p = -1
			default:
				p = int16((exact + 128) >> 8)
			}
			left -= max(int(p), 1)
		}
		f.norm[i] = p
		if p > f.norm[largest] {
			largest = i
		}
	}
	for f.norm[largest]+int16(left) < f.norm[largest]/2+1 {
		// Rounding up gave away too much: each gives back a little.
		for i := range counts {
			if f.norm[i] > 1 && left < 0 {
				f.norm[i]--
				left++
			}
		}
	}
	f.norm[largest] += int16(left)
}

// build makes states and transitions from the probabilities: each symbol gets
// its states spread over the table (section 4.1.1).
func (f *fse) build() {
	size := 1 << f.log
	var symbolAt [maxStates]uint8
	var first [maxSymbols + 1]int
	high := size - 1
	for i, p := range f.norm[:f.used] {
		first[i+1] = first[i] + int(max(p, -p))
		if p == -1 {
			symbolAt[high] = uint8(i)
			high--
		}
	}
	step, at := size>>1+size>>3+3, 0
	for i, p := range f.norm[:f.used] {
		for range max(p, 0) {
			symbolAt[at] = uint8(i)
			for at = (at + step) & (size - 1); at > high; at = (at + step) & (size - 1) {
			}
		}
	}
	next := first
	for state, symbol := range symbolAt[:size] {
		f.states[next[symbol]] = uint16(size + state)
		next[symbol]++
	}
	for i, p := range f.norm[:f.used] {
		f.symbols[i] = f.transition(int(p), first[i])
	}
}

// transition is that of a symbol of probability p, whose states begin at first.
func (f *fse) transition(p, first int) transition {
	if p == 1 || p == -1 {
		return transition{uint32(f.log<<16 - 1<<f.log), int32(first - 1)}
	}
	if p == 0 {
		return transition{}
	}
	n := int(f.log) + 1 - bits.Len(uint(p-1))
	return transition{uint32(n<<16 - p<<n), int32(first - p)}
}

// appendTo appends the description of the table (section 4.1.1).
func (f *fse) appendTo(dst []byte) []byte {
	const most = 4 * maxSymbols // bytes
	size := 1 << f.log
	w := bitstream.New(dst, most)
	w.Add(uint64(f.log-5), 4)
	left, threshold, width := size+1, size, f.log+1
	for i := 0; i < f.used && left > 1; {
		p := int(f.norm[i])
		i++
		left -= max(p, -p)
		v := uint64(p + 1)
		few := uint64(2*threshold - 1 - (left + max(p, -p)))
		switch {
		case v < few && v < uint64(threshold):
			w.Add(v, width-1)
		case v >= uint64(threshold):
			w.Add(v+few, width)
		default:
			w.Add(v, width)
		}
		for left < threshold {
			width--
			threshold >>= 1
		}
		if p == 0 {
			i = f.skip(&w, i)
		}
		w.Flush()
	}
	return w.Bytes()
}

// skip writes how many symbols follow at i that do not occur, three in two bits.
func (f *fse) skip(w *bitstream.Writer, i int) int {
	n := 0
	for i+n < f.used && f.norm[i+n] == 0 {
		n++
	}
	for range n / 3 {
		w.Add(3, 2)
	}
	w.Add(uint64(n%3), 2)
	return i + n
}
