// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// column is a column of a case's table: a figure of each subject's.
type column struct {
	title string
	cell  func(s *subject) string
}

// columns are what is told of the cases in a chapter.
func (c *benchCase) columns() []column {
	wall := func(r result) float64 { return r.wall.Seconds() }
	ours := c.subjects[0].median(wall)
	all := []column{
		{"program", func(s *subject) string { return s.name }},
		{"wall s (all runs)", (*subject).walls},
		{"mover / it", func(s *subject) string { return fmt.Sprintf("%.2f", ours/s.median(wall)) }},
		{"CPU s", func(s *subject) string {
			return fmt.Sprintf("%.1f", s.median(func(r result) float64 { return r.cpu.Seconds() }))
		}},
		{"peak RSS", func(s *subject) string { return s.size(func(r result) int64 { return r.rss }) }},
		{"scratch", func(s *subject) string { return s.size(func(r result) int64 { return r.scratch }) }},
	}
	switch c.chapter {
	case overHTTP:
		all = append(all, column{"on the wire", func(s *subject) string {
			return fmt.Sprintf("%.3f × file", s.median(func(r result) float64 { return float64(r.wire) })/float64(c.source))
		}})
	case exports:
		size := func(r result) float64 { return float64(r.size) }
		peer := c.subjects[len(c.subjects)-1].median(size)
		all = append(all,
			column{"artifact", func(s *subject) string { return s.size(func(r result) int64 { return r.size }) }},
			column{"its size / the peer's", func(s *subject) string { return fmt.Sprintf("%.3f", s.median(size)/peer) }})
	}
	return all
}

// walls are the wall times of a subject: the median, each, and where it is
// several programs the median of each.
func (s *subject) walls() string {
	var runs, steps []string
	for _, r := range s.results {
		runs = append(runs, fmt.Sprintf("%.1f", r.wall.Seconds()))
	}
	for i := range s.steps {
		steps = append(steps, fmt.Sprintf("%.1f", s.median(func(r result) float64 { return r.steps[i].Seconds() })))
	}
	cell := fmt.Sprintf("**%.1f** (%s)", s.median(func(r result) float64 { return r.wall.Seconds() }), strings.Join(runs, ", "))
	if len(steps) > 1 {
		cell += ": " + strings.Join(steps, " + ")
	}
	return cell
}

func (s *subject) size(figure func(result) int64) string {
	return bytes(int64(s.median(func(r result) float64 { return float64(figure(r)) })))
}

func (c *benchCase) markdown() string {
	b := &strings.Builder{}
	what := map[chapter]string{overHTTP: "File", fromS3: "File", fromRegistry: "Layer", exports: "Disk"}[c.chapter]
	fmt.Fprintf(b, "\n### %s\n\n%s: %s. Goal: %s.\n\n", c.name, what, bytes(c.source), c.goal)
	columns := c.columns()
	for _, col := range columns {
		b.WriteString("| " + col.title + " ")
	}
	b.WriteString("|\n" + strings.Repeat("|---", len(columns)) + "|\n")
	for _, s := range c.subjects {
		for _, col := range columns {
			b.WriteString("| " + col.cell(s) + " ")
		}
		b.WriteString("|\n")
	}
	for _, s := range c.subjects {
		if s.hangs > 0 {
			fmt.Fprintf(b, "\n%s hung %d times, and was killed and run again.\n", s.name, s.hangs)
		}
	}
	return b.String()
}

// introduction says what holds for all the cases of a chapter.
func (c chapter) introduction() string {
	switch c {
	case fromRegistry:
		return `The registry is CNCF distribution over plain http, with its storage on the same disk. The mover compares every blob with its
digest meanwhile. Every disk is compared with the original byte for byte.`
	case exports:
		return `Sizes are those of the artifact; the peer is the last line. The mover makes the digest of the disk meanwhile, and of the artifact
where it can; the others make none that they show. S3 is versitygw, the registry CNCF distribution, both started anew with nothing stored
for each run, on the same disk and the same processors, whose time is not in "CPU s"; the clock stops when what they stored
is durable. Where the peer is two programs, their times are shown one by one. Every image is compared with the disk by qemu-img.`
	}
	return `The mover verifies SHA-256 of the whole file meanwhile; the others verify nothing. Every disk is compared with the original byte for
byte.`
}
