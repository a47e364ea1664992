// SPDX-License-Identifier: Apache-2.0

package bytesize_test

import (
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
)

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{
		0:              "0 bytes",
		1023:           "1023 bytes",
		1024:           "1 KiB",
		1536:           "1.5 KiB",
		1<<20 - 1:      "1 MiB",
		20 << 30:       "20 GiB",
		20<<30 + 3<<20: "20 GiB",
		123456789:      "118 MiB",
		1<<63 - 1:      "8 EiB",
	} {
		if got := bytesize.Human(n); got != want {
			t.Errorf("Human(%d): got %q, want %q", n, got, want)
		}
	}
	if got, want := bytesize.Exact(20<<30), "20 GiB (21474836480 bytes)"; got != want {
		t.Errorf("Exact: got %q, want %q", got, want)
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1000": 1000, "20M": 20 << 20, "20m": 20 << 20, "20MiB": 20 << 20,
		"20MB": 20e6, "1.5G": 3 << 29, "2 GiB": 2 << 30, "7B": 7, "1T": 1 << 40,
	} {
		got, err := bytesize.Parse(s)
		if err != nil || got != want {
			t.Errorf("Parse(%q): got %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "M", "-1", "20X", "20MM", "20iB", "NaN", "1e30", "20M/s", "0x10"} {
		if got, err := bytesize.Parse(s); err == nil {
			t.Errorf("Parse(%q): got %d, want an error", s, got)
		}
	}
}
