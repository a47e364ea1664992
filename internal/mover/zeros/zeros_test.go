// SPDX-License-Identifier: Apache-2.0

package zeros_test

import (
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

func TestOnly(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 64, 65, 4096, 65536} {
		p := make([]byte, n)
		if !zeros.Only(p) {
			t.Errorf("Only of %d zeros: got false, want true", n)
		}
		for i := 0; i < n; i += 1 + n/97 {
			p[i] = 1
			if zeros.Only(p) {
				t.Errorf("Only of %d bytes with a one at %d: got true, want false", n, i)
			}
			p[i] = 0
		}
		if n == 0 {
			continue
		}
		p[n-1] = 0x80
		if zeros.Only(p) {
			t.Errorf("Only of %d bytes with the last one set: got true, want false", n)
		}
	}
}

func BenchmarkOnly(b *testing.B) {
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if !zeros.Only(p) {
			b.Fatal("got false, want true")
		}
	}
}
