// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// subject is one program that does the job of a case.
type subject struct {
	name string
	// image is the file that is served.
	image string
	// args is the command; output is where the disk is found afterwards.
	args   []string
	env    []string
	output string
	// scratch is a folder whose greatest size is watched.
	scratch string
	// exports says that the output is a qcow2 image of the disk.
	exports bool
	// inNamespace runs the command with CDI's fixed folders bound into a
	// mount namespace of its own.
	inNamespace bool

	results []result
	hangs   int // runs that were killed because they did not end
}

// benchCase is one job that several subjects do.
type benchCase struct {
	name     string
	source   image
	goal     string
	subjects []*subject
}

// cases are what issue and design ask to measure. The mover comes first: the
// ratios are its.
func cases(o options, images map[string]image) []*benchCase {
	var out []*benchCase
	for _, c := range []struct{ name, image, path, goal string }{
		{"zlib qcow2", "zlib.qcow2", "", "at most 0.25 × CDI, 0.40 × qemu-img"},
		{"zstd qcow2", "zstd.qcow2", "", "at most 0.60 × qemu-img"},
		{"plain qcow2", "plain.qcow2", "", "at most 0.60 × qemu-img"},
		{"raw", "disk.raw", "", "at most 0.60 × qemu-img"},
		{"zlib qcow2, server at 20 MB/s a connection", "zlib.qcow2", "slow/", "at most 0.10 × CDI"},
	} {
		img := images[c.image]
		url := "http://" + address + "/" + c.path + img.name
		bc := &benchCase{name: c.name, source: img, goal: c.goal}
		bc.subjects = append(bc.subjects, moverSubject(o, img, url))
		if o.importer != "" {
			bc.subjects = append(bc.subjects, cdiSubject(o, url))
		}
		// qemu-img needs over 400 s where each connection is slow.
		if c.path == "" {
			bc.subjects = append(bc.subjects, qemuSubject(o, img, url))
		}
		for _, s := range bc.subjects {
			s.image = img.name
		}
		out = append(out, bc)
	}
	return append(out, exportCases(o, images)...)
}

func moverSubject(o options, img image, url string) *subject {
	out := filepath.Join(o.dir, "out", "mover.raw")
	return &subject{
		name:    "mover import --checksum sha256:…",
		args:    []string{o.mover, "import", "--json", "--checksum", "sha256:" + img.sha256, url, out},
		output:  out,
		scratch: filepath.Join(o.dir, "out"),
	}
}

func qemuSubject(o options, img image, url string) *subject {
	out := filepath.Join(o.dir, "out", "qemu.raw")
	format := "qcow2"
	if img.name == "disk.raw" {
		format = "raw"
	}
	return &subject{
		name:   "qemu-img convert -m 16 -W",
		args:   []string{"qemu-img", "convert", "-m", "16", "-W", "-f", format, "-O", "raw", url, out},
		output: out,
	}
}

// cdiSubject runs CDI's importer as its pod does, without the pod's limits of
// processor and memory.
func cdiSubject(o options, url string) *subject {
	data, scratch := filepath.Join(o.dir, "out", "data"), filepath.Join(o.dir, "out", "scratch")
	return &subject{
		name: "CDI cdi-importer v1.65.0",
		args: []string{o.importer, "-alsologtostderr"},
		env: []string{
			"IMPORTER_SOURCE=http", "IMPORTER_CONTENTTYPE=kubevirt", "IMPORTER_ENDPOINT=" + url,
			"IMPORTER_IMAGE_SIZE=" + strconv.FormatInt(o.size, 10), "FILESYSTEM_OVERHEAD=0", "PREALLOCATION=false",
			"OWNER_UID=bench", "INSECURE_TLS=false", "CACHE_MODE=writeback",
		},
		output:      filepath.Join(data, "disk.img"),
		scratch:     scratch,
		inNamespace: true,
	}
}

func (s *subject) String() string { return fmt.Sprintf("%s %v", s.name, s.args) }
