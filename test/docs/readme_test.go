// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmesSayTheSame holds the two languages of the README together: the
// same headings in the same depth, the same code to the byte, and the same
// links.
func TestReadmesSayTheSame(t *testing.T) {
	english := read(t, filepath.Join(root, "README.md"))
	chinese := read(t, filepath.Join(root, "README.zh-CN.md"))
	levels := func(p page) []int {
		var out []int
		for _, h := range p.headings {
			out = append(out, h.level)
		}
		return out
	}
	// Each names the other.
	links := func(p page, other string) []string {
		out := slices.Clone(p.links)
		if !slices.Contains(out, other) {
			t.Errorf("the README does not lead to %s", other)
		}
		out = slices.DeleteFunc(out, func(l string) bool { return l == other })
		slices.Sort(out) // Languages order their sentences differently.
		return out
	}
	if diff := cmp.Diff(levels(english), levels(chinese)); diff != "" {
		t.Errorf("headings, -English, +Chinese:\n%s", diff)
	}
	if diff := cmp.Diff(english.blocks, chinese.blocks); diff != "" {
		t.Errorf("code, -English, +Chinese:\n%s", diff)
	}
	if diff := cmp.Diff(links(english, "README.zh-CN.md"), links(chinese, "README.md")); diff != "" {
		t.Errorf("links, -English, +Chinese:\n%s", diff)
	}
	if len(english.headings) < 4 || len(english.blocks) < 3 {
		t.Errorf("found %d headings and %d blocks of code: the comparison would hold of nothing", len(english.headings), len(english.blocks))
	}
}
