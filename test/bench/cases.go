// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path/filepath"
	"strconv"
)

// subject is one program, or several that run one after another, that does the
// job of a case.
type subject struct {
	name  string
	steps [][]string // commands
	env   []string
	// reads is the file that is read, output where the result is found
	// afterwards. Both are patterns of which the largest file is meant.
	reads, output string
	// scratch is a folder whose greatest size is watched.
	scratch string
	// equals compares the result with the original disk.
	equals func(ctx context.Context, o options, result string) error
	// inNamespace runs the commands with CDI's fixed folders bound into a
	// mount namespace of its own.
	inNamespace bool

	results []result
	hangs   int // runs that were killed because they did not end
}

// chapter is where a case stands in the report, and what is told of it.
type chapter string

const (
	overHTTP     chapter = "Import over HTTP"
	fromS3       chapter = "Import from S3"
	fromRegistry chapter = "Import from a registry"
	exports      chapter = "Export"
)

// benchCase is one job that several subjects do. The mover comes first: the
// ratios are its. The peer that the goal speaks of comes last.
type benchCase struct {
	name     string
	chapter  chapter
	source   int64 // size of the file that is read
	goal     string
	subjects []*subject

	// prepare, if there is any, is called before the first run.
	prepare func(ctx context.Context, o options, c *benchCase) error
	// server runs over folder while a subject does. An empty folder is made
	// anew for each run.
	server store
	folder string
}

// cases are what issues and design ask to measure.
func cases(o options, images map[string]image) []*benchCase {
	out := httpCases(o, images)
	if o.gateway != "" && o.importer != "" && o.peers != "" {
		out = append(out, objectCase(o, images["zlib.qcow2"], "at most 0.25 × CDI"))
	}
	if o.registry != "" && o.importer != "" && o.peers != "" {
		out = append(out, registryCases(o)...)
	}
	return append(out, exportCases(o, images["disk.raw"])...)
}

func httpCases(o options, images map[string]image) []*benchCase {
	var out []*benchCase
	for _, c := range []struct{ name, image, path, goal string }{
		{"zlib qcow2", "zlib.qcow2", "", "at most 0.25 × CDI, 0.40 × qemu-img"},
		{"zstd qcow2", "zstd.qcow2", "", "at most 0.60 × qemu-img"},
		{"plain qcow2", "plain.qcow2", "", "at most 0.60 × qemu-img"},
		{"raw", "disk.raw", "", "at most 0.60 × qemu-img"},
		{"raw under zstd, with the mover's seek table", framesImage, "", "none, for information"},
		{"zlib qcow2, server at 20 MB/s a connection", "zlib.qcow2", "slow/", "at most 0.10 × CDI"},
	} {
		img := images[c.image]
		url := "http://" + address + "/" + c.path + img.name
		bc := &benchCase{name: c.name, chapter: overHTTP, source: img.size, goal: c.goal}
		bc.subjects = append(bc.subjects, moverImport(o, "mover import --checksum sha256:…", "--checksum", "sha256:"+img.sha256, url))
		if o.importer != "" {
			bc.subjects = append(bc.subjects, cdiSubject(o, "http", url))
		}
		// qemu-img needs over 400 s where each connection is slow, and reads no
		// zstd files.
		if c.path == "" && c.image != framesImage {
			bc.subjects = append(bc.subjects, qemuSubject(o, img, url))
		}
		for _, s := range bc.subjects {
			s.reads = o.www(img.name)
		}
		out = append(out, bc)
	}
	return out
}

func moverImport(o options, name string, args ...string) *subject {
	out := filepath.Join(o.outputs(), "mover.raw")
	return &subject{
		name:    name,
		steps:   [][]string{append(append([]string{o.mover, "import", "--json"}, args...), out)},
		output:  out,
		equals:  sameDisk,
		scratch: o.outputs(),
	}
}

// builds are the mover and, as a second subject, the build that it is measured
// against.
func builds(o options, ours *subject) []*subject {
	other := *ours
	other.name = "the same by " + o.against
	other.steps = nil
	for _, step := range ours.steps {
		other.steps = append(other.steps, append([]string{o.against}, step[1:]...))
	}
	return []*subject{ours, &other}
}

func qemuSubject(o options, img image, url string) *subject {
	out := filepath.Join(o.outputs(), "qemu.raw")
	format := "qcow2"
	if img.name == "disk.raw" {
		format = "raw"
	}
	return &subject{
		name:   "qemu-img convert -m 16 -W",
		steps:  [][]string{{"qemu-img", "convert", "-m", "16", "-W", "-f", format, "-O", "raw", url, out}},
		output: out,
		equals: sameDisk,
	}
}

// cdiSubject runs CDI's importer as its pod does, without the pod's limits of
// processor and memory.
func cdiSubject(o options, source, url string) *subject {
	return &subject{
		name:  "CDI cdi-importer v1.65.0",
		steps: [][]string{{o.importer, "-alsologtostderr"}},
		env: []string{
			"IMPORTER_SOURCE=" + source, "IMPORTER_CONTENTTYPE=kubevirt", "IMPORTER_ENDPOINT=" + url,
			"IMPORTER_IMAGE_SIZE=" + strconv.FormatInt(o.size, 10), "FILESYSTEM_OVERHEAD=0", "PREALLOCATION=false",
			"OWNER_UID=bench", "INSECURE_TLS=" + strconv.FormatBool(source == "registry"), "CACHE_MODE=writeback",
		},
		output:      filepath.Join(o.outputs(), "data", "disk.img"),
		equals:      sameDisk,
		scratch:     o.scratch(),
		inNamespace: true,
	}
}
