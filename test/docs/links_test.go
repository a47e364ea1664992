// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the top of the repository.
const root = "../.."

// markdown are the Markdown files of the repository.
func markdown(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), "_") || e.Name() == ".git" || e.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d Markdown files: %v", len(files), err)
	}
	return files
}

// A page is a Markdown file, as far as it matters here.
type page struct {
	headings []heading
	blocks   []string // of code, with the language behind the fence
	links    []string // in their order
}

// A heading is one with its number of hashes.
type heading struct {
	level int
	text  string
}

// parse reads a page. Links in code are none.
func parse(text string) page {
	link := regexp.MustCompile(`\]\(([^()\s]+)\)`)
	code := regexp.MustCompile("`[^`]*`")
	p := page{}
	fence := ""
	for line := range strings.Lines(text) {
		switch {
		case fence != "":
			p.blocks[len(p.blocks)-1] += line
			if strings.TrimSpace(line) == fence {
				fence = ""
			}
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fence = "```"
			p.blocks = append(p.blocks, line)
		default:
			if hashes := len(line) - len(strings.TrimLeft(line, "#")); hashes > 0 && strings.HasPrefix(line[hashes:], " ") {
				p.headings = append(p.headings, heading{hashes, strings.TrimSpace(line[hashes:])})
			}
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				p.links = append(p.links, m[1])
			}
		}
	}
	return p
}

func read(t *testing.T, file string) page {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parse(string(b))
}

// anchor is the one that GitHub gives to a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// TestLinks follows every link that leads to a file of the repository.
func TestLinks(t *testing.T) {
	pages := map[string]page{}
	for _, f := range markdown(t) {
		pages[filepath.Clean(f)] = read(t, f)
	}
	for file, p := range pages {
		for _, l := range p.links {
			u, err := url.Parse(l)
			if err != nil {
				t.Errorf("%s: link %q is no URL: %v", file, l, err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			to := file
			if u.Path != "" {
				to = filepath.Join(filepath.Dir(file), u.Path)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link %q leads nowhere", file, l)
				continue
			}
			if there, ok := pages[to]; ok && u.Fragment != "" && !slices.ContainsFunc(there.headings, func(h heading) bool { return anchor(h.text) == u.Fragment }) {
				t.Errorf("%s: link %q leads to no heading of %s", file, l, to)
			}
		}
	}
}
