// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report is the document that a run writes.
type report struct {
	options options
	images  map[string]image
	limits  []limit
	cases   []*benchCase
}

func (c *benchCase) markdown() string {
	if c.subjects[0].exports {
		return c.exportMarkdown()
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "\n### %s\n\n", c.name)
	fmt.Fprintf(b, "File: %s. Goal: %s.\n\n", bytes(c.source.size), c.goal)
	b.WriteString("| program | wall s (all runs) | mover / it | CPU s | peak RSS | scratch | on the wire |\n|---|---|---|---|---|---|---|\n")
	wall := func(r result) float64 { return r.wall.Seconds() }
	ours := c.subjects[0].median(wall)
	for _, s := range c.subjects {
		var all []string
		for _, r := range s.results {
			all = append(all, fmt.Sprintf("%.1f", r.wall.Seconds()))
		}
		fmt.Fprintf(b, "| %s | **%.1f** (%s) | %.2f | %.1f | %s | %s | %.3f × file |\n", s.name, s.median(wall), strings.Join(all, ", "),
			ours/s.median(wall), s.median(func(r result) float64 { return r.cpu.Seconds() }),
			bytes(int64(s.median(func(r result) float64 { return float64(r.rss) }))),
			bytes(int64(s.median(func(r result) float64 { return float64(r.scratch) }))),
			s.median(func(r result) float64 { return float64(r.wire) })/float64(c.source.size))
	}
	for _, s := range c.subjects {
		if s.hangs > 0 {
			fmt.Fprintf(b, "\n%s hung %d times, and was killed and run again.\n", s.name, s.hangs)
		}
	}
	return b.String()
}

const preface = `# Benchmarks

Written by ` + "`make bench`" + ` on %s. Medians of %d runs; the programs take turns on the same image, the same nginx on loopback and the
same storage, with the image read into the page cache and the output removed and synced before each run. "mover / it" is the ratio of
the wall times: below 1, the mover is faster. The clock of every program stops when its disk is durable: the bench calls fsync
after those that do not. The mover verifies SHA-256 of the whole file meanwhile; the others verify nothing. CDI's importer runs without the limits of its pod (by default 750m CPU). CPU counts a program with its children, peak RSS the largest single process. Every program's disk is compared with the
original byte for byte.

Machine: %s, %d processors, %s, Linux %s. Disk: %s virtual with %s of files (programs, libraries, source code) on ext4.

The machine's own limits, in the same run:

| | MB/s |
|---|---|
`

func (r report) write() error {
	b := &strings.Builder{}
	fmt.Fprintf(b, preface, time.Now().Format(time.DateOnly), r.options.runs, processor(), runtime.NumCPU(), memory(), output("uname", "-r"), bytes(r.options.size), bytes(r.options.data))
	for _, l := range r.limits {
		fmt.Fprintf(b, "| %s | %.0f |\n", l.what, l.speed/1e6)
	}
	title := ""
	for _, c := range r.cases {
		if t := c.title(); t != title {
			title = t
			fmt.Fprintf(b, "\n## %s\n", title)
		}
		b.WriteString(c.markdown())
	}
	fmt.Fprintf(b, "\nVersions: %s; %s; CDI's importer built from its module, v1.65.0; mover built with %s.\n", output("qemu-img", "--version"), output("nginx", "-v"), runtime.Version())
	if r.options.out == "" {
		return nil
	}
	return os.WriteFile(r.options.out, []byte(b.String()), 0o644)
}

// output is the first line that a command prints.
func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func processor() string { return field("/proc/cpuinfo", "model name") }

func memory() string { return field("/proc/meminfo", "MemTotal") }

// field is the value of the first line "name: value" of a file.
func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
