// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"bytes"
	"math/rand/v2"
	"testing"

	klauspost "github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/pack/lz77"
)

// invented is a piece that is made of its sequences: the matcher would find few
// of these.
type invented struct {
	random *rand.Rand
	piece  []byte
	found  lz77.Found
}

// add adds a sequence and tells whether there was room for it. The distance is
// shortened to what there is.
func (v *invented) add(literals, match, distance int) bool {
	if len(v.piece)+literals+match > MaxSize {
		return false
	}
	for range literals {
		b := byte(v.random.IntN(256))
		v.piece, v.found.Literals = append(v.piece, b), append(v.found.Literals, b)
	}
	distance = min(distance, len(v.piece), lz77.Window)
	for range match {
		v.piece = append(v.piece, v.piece[len(v.piece)-distance])
	}
	v.found.Sequences = append(v.found.Sequences, lz77.Sequence{
		Literals: uint32(literals), Match: uint32(match), Distance: uint32(distance),
	})
	return true
}

// mixed makes a piece of runs, matches and distances of all sizes.
func (v *invented) mixed(most int) {
	upTo := func(least, bits int) int { return least + v.random.IntN(1<<v.random.IntN(bits+1)) }
	v.add(1, lz77.MinMatch, 1)
	for v.add(upTo(0, most), upTo(lz77.MinMatch, most), upTo(1, 16)) {
	}
}

// rare makes a piece of very many sequences that are alike, so that the codes
// of the few others are as long as can be, and these leave open bits open.
func (v *invented) rare(open int) {
	v.add(1, lz77.MinMatch, 1)
	for n := 0; ; n++ {
		literals, match, distance := 1, lz77.MinMatch, 1
		if n%1000 == 999 {
			l, m := 8+n/1000%3, 8+n/1000%2
			literals, match = 1<<l, minMatch+1<<m
			distance = 1<<(open-l-m) - 3 + v.random.IntN(100)
		}
		if !v.add(literals, match, distance) {
			return
		}
	}
}

// TestSequences writes sequences of every size, of which some need as many bits
// as there are, and has them read by an independent decoder.
func TestSequences(t *testing.T) {
	d, err := klauspost.NewReader(nil, klauspost.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	e := NewEncoder()
	for i := range 500 {
		v := invented{random: rand.New(rand.NewPCG(5, uint64(i)))}
		if i%2 == 0 {
			v.mixed(3 + i%13)
		} else {
			v.rare(28 + i%5)
		}
		frame := appendHeader(nil, len(v.piece))
		begun := len(frame)
		frame = append(frame, 0, 0, 0)
		frame, _ = e.literals.append(frame, v.found.Literals, MaxSize+1)
		frame = e.sequences.append(frame, v.found.Sequences)
		frame = endBlock(frame, begun, len(frame)-begun-blockHeader, blockCompressed)
		if got, err := d.DecodeAll(frame, nil); err != nil || !bytes.Equal(got, v.piece) {
			t.Fatalf("piece %d of %d sequences: another content: %v", i, len(v.found.Sequences), err)
		}
	}
}
