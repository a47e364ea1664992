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

const preface = `# Benchmarks

Written by ` + "`make bench`" + ` on %s. Medians of %d runs; the programs take turns on the same file, the same servers on loopback and the
same storage; before each run the file is read into the page cache, the output removed and synced, and memory that the host has taken
back is fetched. "mover / it" is the ratio of the wall times: below 1, the mover is faster. The clock of every program stops when what it made is durable: the bench calls fsync
after those that do not. CDI's importer runs without the limits of its pod (by default 750m CPU). CPU counts a program with its
children, peak RSS the largest single process. What every program made is compared with the original.

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
	last := chapter("")
	for _, c := range r.cases {
		if c.chapter != last {
			last = c.chapter
			fmt.Fprintf(b, "\n## %s\n\n%s\n", last, last.introduction())
		}
		b.WriteString(c.markdown())
	}
	fmt.Fprintf(b, "\nVersions: %s; %s; CDI's importer built from its module, v1.65.0; mover built with %s.\n", output("qemu-img", "--version"), output("nginx", "-v"), runtime.Version())
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
