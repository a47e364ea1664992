// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// exportCases pack the disk into a file.
func exportCases(o options, images map[string]image) []*benchCase {
	raw := images["disk.raw"]
	zlib := exportCase(o, raw, "zlib", "at most 0.25 × qemu-img, and at most 1.10 × its size", "-c")
	zstd := exportCase(o, raw, "zstd", "at most 0.60 × qemu-img, and at most 1.10 × its size", "-c", "-m", "16", "-W", "-o", "compression_type=zstd")
	plain := exportCase(o, raw, "none", "at most 1.00 × qemu-img", "-m", "16", "-W")
	return []*benchCase{zlib, zstd, plain}
}

func exportCase(o options, raw image, algorithm, goal string, qemu ...string) *benchCase {
	from := filepath.Join(o.dir, "www", raw.name)
	ours, theirs := filepath.Join(o.dir, "out", "mover.qcow2"), filepath.Join(o.dir, "out", "qemu.qcow2")
	args := append([]string{"qemu-img", "convert", "-f", "raw", "-O", "qcow2"}, qemu...)
	return &benchCase{
		name: "raw to qcow2, compression " + algorithm, source: raw, goal: goal,
		subjects: []*subject{
			{
				name:   "mover export --compression " + algorithm,
				image:  raw.name,
				args:   []string{o.mover, "export", "--json", "--compression", algorithm, from, ours},
				output: ours, scratch: filepath.Dir(ours), exports: true,
			},
			{
				name:   "qemu-img convert " + strings.Join(qemu, " "),
				image:  raw.name,
				args:   append(args, from, theirs),
				output: theirs, exports: true,
			},
		},
	}
}

// checkArtifact compares an image with the disk by qemu-img.
func (s *subject) checkArtifact(ctx context.Context, o options, whole bool) error {
	if !whole {
		return nil
	}
	if err := command(ctx, "qemu-img", "check", "-q", "-f", "qcow2", s.output); err != nil {
		return err
	}
	return command(ctx, "qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", filepath.Join(o.dir, "www", s.image), s.output)
}

// title is the chapter in which a case stands.
func (c *benchCase) title() string {
	if c.subjects[0].exports {
		return "Export to a file"
	}
	return "Import over HTTP"
}

func (c *benchCase) exportMarkdown() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "\n### %s\n\n", c.name)
	fmt.Fprintf(b, "Disk: %s. Goal: %s. The mover makes the digests of the disk and of the artifact meanwhile.\n\n", bytes(c.source.size), c.goal)
	b.WriteString("| program | wall s (all runs) | mover / it | CPU s | peak RSS | scratch | artifact | its size / the peer's |\n|---|---|---|---|---|---|---|---|\n")
	wall := func(r result) float64 { return r.wall.Seconds() }
	size := func(r result) float64 { return float64(r.size) }
	ours, peer := c.subjects[0].median(wall), c.subjects[len(c.subjects)-1].median(size)
	for _, s := range c.subjects {
		var all []string
		for _, r := range s.results {
			all = append(all, fmt.Sprintf("%.1f", r.wall.Seconds()))
		}
		fmt.Fprintf(b, "| %s | **%.1f** (%s) | %.2f | %.1f | %s | %s | %s | %.3f |\n", s.name, s.median(wall), strings.Join(all, ", "),
			ours/s.median(wall), s.median(func(r result) float64 { return r.cpu.Seconds() }),
			bytes(int64(s.median(func(r result) float64 { return float64(r.rss) }))),
			bytes(int64(s.median(func(r result) float64 { return float64(r.scratch) }))),
			bytes(int64(s.median(size))), s.median(size)/peer)
	}
	return b.String()
}
