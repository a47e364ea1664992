// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmesSayTheSame holds the two languages of the README together: the
// same headings in the same depth, the same code to the byte, the same links,
// and in each section as many sentences.
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
	if diff := cmp.Diff(proseOf(t, "README.md"), proseOf(t, "README.zh-CN.md")); diff != "" {
		t.Errorf("what is in each section, -English, +Chinese:\n%s", diff)
	}
	if len(english.headings) < 4 || len(english.blocks) < 3 {
		t.Errorf("found %d headings and %d blocks of code: the comparison would hold of nothing", len(english.headings), len(english.blocks))
	}
}

// prose is how much is said in a section.
type prose struct {
	Paragraphs, Items, Rows, Sentences int
}

var (
	// quoted is code, whose dots end no sentence.
	quoted = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")

	// sentenceEnd ends a sentence of English, also one in bold letters, or of
	// Chinese.
	sentenceEnd = regexp.MustCompile(`[.!?](\*\*)?(\s|$)|[。！？]`)
)

// proseOf counts what is said in each section of a README. Translations need not
// split a text into the same sentences; that these do is how one that lacks
// something is found.
func proseOf(t *testing.T, name string) []prose {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	text := quoted.ReplaceAllString(string(content), "")
	var all []prose
	for section := range strings.SplitSeq("\n"+text, "\n#") {
		p := prose{Sentences: len(sentenceEnd.FindAllString(section, -1))}
		_, body, _ := strings.Cut(section, "\n")
		for block := range strings.SplitSeq(body, "\n\n") {
			if strings.TrimSpace(block) != "" {
				p.Paragraphs++
			}
		}
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "- ") {
				p.Items++
			}
			if strings.HasPrefix(line, "|") {
				p.Rows++
			}
		}
		all = append(all, p)
	}
	return all
}
