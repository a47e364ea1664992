// SPDX-License-Identifier: Apache-2.0

package fsverity_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/fsverity"
)

const block = 4096

// theirs is what fsverity-utils say of a file.
func theirs(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "fsverity", "digest", "--compact", "--hash-alg=sha256", "--block-size=4096", path).Output()
	if err != nil {
		t.Fatalf("fsverity digest: %v", err)
	}
	return "fsverity:sha256:" + strings.TrimSpace(string(out))
}

// A piece is data at an offset; the rest of a disk are zeros.
type piece struct {
	off  int64
	data []byte
}

func random(n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}

// TestDigest compares with fsverity-utils: around every size at which the tree
// grows, of data, of zeros, and of both.
func TestDigest(t *testing.T) {
	sizes := []int64{0, 1, block - 1, block, block + 1, 128*block - 1, 128 * block, 128*block + 1, 128 * 128 * block, 128*128*block + 1, 72<<20 + 7}
	for _, size := range sizes {
		layouts := map[string][]piece{
			"empty": nil,
			"begin": {{0, random(int(min(size, 5*block+3)))}},
			"end":   {{max(0, size-9000), random(int(min(size, 9000)))}},
			"sparse": {
				{min(size, 3*block), random(int(min(max(0, size-3*block), 100)))},
				{min(size, 200*block-5), random(int(min(max(0, size-200*block+5), 2*block)))},
				{min(size, 70<<20), random(int(min(max(0, size-70<<20), 1<<20+1)))},
			},
		}
		for name, pieces := range layouts {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "disk")
				f, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := f.Truncate(size); err != nil {
					t.Fatal(err)
				}
				d := fsverity.New()
				off := int64(0)
				for _, p := range pieces {
					if _, err := f.WriteAt(p.data, p.off); err != nil {
						t.Fatal(err)
					}
					if err := d.WriteZeros(p.off - off); err != nil {
						t.Fatal(err)
					}
					if _, err := d.Write(p.data); err != nil {
						t.Fatal(err)
					}
					off = p.off + int64(len(p.data))
				}
				if err := d.WriteZeros(size - off); err != nil {
					t.Fatal(err)
				}
				want := theirs(t, path)
				if got := d.String(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if again := d.String(); again != want {
					t.Errorf("asked twice: got %s, want %s", again, want)
				}
			})
		}
	}
}

// TestDigestInSteps says the same however what it is given is cut, and whether
// zeros are shown or told.
func TestDigestInSteps(t *testing.T) {
	disk := make([]byte, 3<<20+11)
	copy(disk[block+1:], random(70000))
	copy(disk[2<<20:], random(1<<19))
	whole := fsverity.New()
	_, _ = whole.Write(disk)
	want := whole.String()
	steps := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		d := fsverity.New()
		for rest := disk; len(rest) > 0; {
			n := min(len(rest), 1+steps.IntN(1<<uint(1+steps.IntN(20))))
			if strings.Trim(string(rest[:n]), "\x00") == "" {
				_ = d.WriteZeros(int64(n))
			} else {
				_, _ = d.Write(rest[:n])
			}
			rest = rest[n:]
		}
		if got := d.String(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// TestDigestOfHoles sums up the largest disk there can be, in no time: a tree
// that is not told of its zeros would need years.
func TestDigestOfHoles(t *testing.T) {
	d, other := fsverity.New(), fsverity.New()
	const half = 1 << 62
	for _, n := range []int64{half - 1, half} {
		_ = d.WriteZeros(n)
	}
	for _, n := range []int64{half, 5, half - 6} {
		_ = other.WriteZeros(n)
	}
	if d.String() != other.String() {
		t.Errorf("got %s and %s of the same zeros", d, other)
	}
}

func BenchmarkWrite(b *testing.B) {
	p := random(4 << 20)
	d := fsverity.New()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		_, _ = d.Write(p)
	}
}
