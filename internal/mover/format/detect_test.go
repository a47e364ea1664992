// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// at returns n zero bytes with mark at offset off.
func at(n, off int, mark string) []byte {
	b := make([]byte, n)
	copy(b[off:], mark)
	return b
}

func TestDetect(t *testing.T) {
	raw, iso := at(8192, 510, "\x55\xaa"), at(64<<10, 0x8001, "CD001\x01")
	qcow2 := at(8192, 0, "QFI\xfb\x00\x00\x00\x03")
	cases := map[string]struct {
		reason  string
		asked   transfer.Format
		sample  format.Sample
		want    format.Found
		wantErr string // a part of the message
	}{
		"Raw":             {reason: "A disk with a partition table.", sample: format.Sample{Head: raw}, want: format.Found{Format: "Raw"}},
		"RawZeros":        {reason: "An empty disk is a disk.", sample: format.Sample{Head: make([]byte, 512)}, want: format.Found{Format: "Raw"}},
		"ISO":             {reason: "The volume descriptor is in sector 16.", sample: format.Sample{Head: iso}, want: format.Found{Format: "ISO"}},
		"QCOW2":           {reason: "By magic.", sample: format.Sample{Head: qcow2}, want: format.Found{Format: "QCOW2"}},
		"QCOW2AsText":     {reason: "Servers call what they do not know text/plain or worse; the bytes decide.", sample: format.Sample{Head: qcow2, ContentType: "text/html"}, want: format.Found{Format: "QCOW2"}},
		"Gzip":            {reason: "What is inside shows later.", sample: format.Sample{Head: []byte("\x1f\x8b\x08\x00")}, want: format.Found{Format: "Auto", Compression: format.Gzip}},
		"XZ":              {reason: "What is inside shows later.", sample: format.Sample{Head: []byte("\xfd7zXZ\x00\x00\x04")}, want: format.Found{Format: "Auto", Compression: format.XZ}},
		"Zstd":            {reason: "What is inside shows later.", sample: format.Sample{Head: []byte("\x28\xb5\x2f\xfd")}, want: format.Found{Format: "Auto", Compression: format.Zstd}},
		"ZstdSkippable":   {reason: "A skippable frame comes first.", sample: format.Sample{Head: []byte("\x5e\x2a\x4d\x18")}, want: format.Found{Format: "Auto", Compression: format.Zstd}},
		"AskedAuto":       {reason: "Auto asks for nothing.", asked: "Auto", sample: format.Sample{Head: iso}, want: format.Found{Format: "ISO"}},
		"AskedSame":       {reason: "What was asked for was found.", asked: "QCOW2", sample: format.Sample{Head: qcow2}, want: format.Found{Format: "QCOW2"}},
		"AskedGzip":       {reason: "Each format also comes compressed.", asked: "QCOW2", sample: format.Sample{Head: []byte("\x1f\x8b\x08\x00")}, want: format.Found{Format: "Auto", Compression: format.Gzip}},
		"AskedRaw":        {reason: "Raw takes the bytes as they are.", asked: "Raw", sample: format.Sample{Head: qcow2}, want: format.Found{Format: "Raw"}},
		"AskedRawRefused": {reason: "Raw takes what would be refused.", asked: "Raw", sample: format.Sample{Head: []byte("<html>")}, want: format.Found{Format: "Raw"}},
		"AskedRawGzip":    {reason: "One compression is unpacked.", asked: "Raw", sample: format.Sample{Head: []byte("\x1f\x8b\x08\x00")}, want: format.Found{Format: "Auto", Compression: format.Gzip}},
		"AskedRawTwice":   {reason: "But not a second one.", asked: "Raw", sample: format.Sample{Head: []byte("\x1f\x8b\x08\x00"), Unpacked: true}, want: format.Found{Format: "Raw"}},
		"AskedOther":      {reason: "Both are named.", asked: "QCOW2", sample: format.Sample{Head: raw}, wantErr: "says QCOW2, but it is Raw"},
		"AskedISO":        {reason: "Both are named.", asked: "ISO", sample: format.Sample{Head: qcow2}, wantErr: "says ISO, but it is QCOW2"},
		"Empty":           {reason: "No bytes are no disk.", wantErr: "is empty"},
		"EmptyRaw":        {reason: "Not even a raw one.", asked: "Raw", wantErr: "is empty"},
		"Small":           {reason: "Less than a sector.", sample: format.Sample{Head: make([]byte, 511)}, wantErr: "511 bytes"},
		"Twice":           {reason: "Compressed twice is a mistake.", sample: format.Sample{Head: []byte("\x1f\x8b\x08\x00"), Unpacked: true}, wantErr: "compressed twice"},
		"HTML":            {reason: "A log-in page.", sample: format.Sample{Head: []byte("\xef\xbb\xbf\n <!DOCTYPE html><html><head><title>\n Sign in </title>")}, wantErr: `web page ("Sign in")`},
		"HTMLNoTitle":     {reason: "A page without a title.", sample: format.Sample{Head: []byte("<HTML><BODY>no" + strings.Repeat("x", 9000))}, wantErr: "web page, perhaps"},
		"HTMLType":        {reason: "The server says so and nothing contradicts.", sample: format.Sample{Head: at(8192, 0, "\x01"), ContentType: "text/html; charset=utf-8"}, wantErr: `"text/html"`},
		"HTMLTypeDisk":    {reason: "A boot sector contradicts.", sample: format.Sample{Head: raw, ContentType: "text/html; charset=utf-8"}, want: format.Found{Format: "Raw"}},
		"XML":             {reason: "An object store's error.", sample: format.Sample{Head: []byte("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>")}, wantErr: "XML document"},
		"JSON":            {reason: "An API's error.", sample: format.Sample{Head: []byte(` {"error": "no"}`)}, wantErr: "JSON document"},
		"Text":            {reason: "Any text.", sample: format.Sample{Head: []byte(strings.Repeat("not found – ", 1000)[:8192])}, wantErr: "text file"},
		"LFS":             {reason: "A pointer.", sample: format.Sample{Head: []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")}, wantErr: "Git LFS"},
		"PDF":             {reason: "By name.", sample: format.Sample{Head: []byte("%PDF-1.7 \x00")}, wantErr: "PDF"},
		"ELF":             {reason: "By name.", sample: format.Sample{Head: at(512, 0, "\x7fELF")}, wantErr: "ELF"},
		"QCOW1":           {reason: "By name.", sample: format.Sample{Head: at(512, 0, "QFI\xfb\x00\x00\x00\x01")}, wantErr: "version 1"},
		"ESX":             {reason: "By name.", sample: format.Sample{Head: at(512, 0, "COWD")}, wantErr: "VMDK"},
		"Bzip2":           {reason: "By name.", sample: format.Sample{Head: at(512, 0, "BZh91AY&SY")}, wantErr: "bzip2"},
		"LZ4":             {reason: "By name.", sample: format.Sample{Head: at(512, 0, "\x04\x22\x4d\x18")}, wantErr: "lz4"},
		"LUKS":            {reason: "By name.", sample: format.Sample{Head: at(512, 0, "LUKS\xba\xbe")}, wantErr: "LUKS"},
		"Tar":             {reason: "By name.", sample: format.Sample{Head: tarOf(t, "disk.img")}, wantErr: "tar archive"},
		"OVA":             {reason: "By name.", sample: format.Sample{Head: tarOf(t, "vm.OVF")}, wantErr: "OVA"},
		"Zip":             {reason: "By name.", sample: format.Sample{Head: zipOf(t)}, wantErr: "zip archive"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.sample.Size = int64(len(tc.sample.Head))
			for _, size := range []int64{tc.sample.Size, disk.Unknown} {
				tc.sample.Size = size
				got, err := format.Detect(tc.asked, tc.sample)
				check(t, tc.reason, err, tc.wantErr)
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s: Detect(): -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// check compares an error with a part of its message; any error must be
// FormatRefused.
func check(t *testing.T, reason string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: unexpected error: %v", reason, err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) || transfer.ReasonOf(err) != transfer.ReasonFormatRefused {
		t.Errorf("%s: error %v (%s), want one with %q", reason, err, transfer.ReasonOf(err), want)
	}
}

// TestDetectMade checks detection with files that the usual tools make.
func TestDetectMade(t *testing.T) {
	cases := map[string]struct {
		reason  string
		command string // with FILE for the file
		want    format.Found
		wantErr string
	}{
		"VMDK":         {"qemu-img's default.", "qemu-img create -q -f vmdk FILE 4M", format.Found{}, "VMDK"},
		"VMDKStream":   {"The kind in OVAs.", "qemu-img create -q -f vmdk -o subformat=streamOptimized FILE 4M", format.Found{}, "VMDK"},
		"VMDKFlat":     {"A descriptor.", "qemu-img create -q -f vmdk -o subformat=monolithicFlat FILE 4M", format.Found{}, "descriptor"},
		"VHD":          {"The dynamic kind has a copy of the footer in front.", "qemu-img create -q -f vpc FILE 4M", format.Found{}, "VHD image"},
		"VHDX":         {"By name.", "qemu-img create -q -f vhdx FILE 4M", format.Found{}, "VHDX"},
		"VDI":          {"By name.", "qemu-img create -q -f vdi FILE 4M", format.Found{}, "VDI"},
		"QED":          {"By name.", "qemu-img create -q -f qed FILE 4M", format.Found{}, "QED"},
		"Parallels":    {"By name.", "qemu-img create -q -f parallels FILE 4M", format.Found{}, "Parallels"},
		"QCOW":         {"By name.", "qemu-img create -q -f qcow FILE 4M", format.Found{}, "version 1"},
		"QCOW2":        {"Can be imported.", "qemu-img create -q -f qcow2 FILE 4M", format.Found{Format: "QCOW2"}, ""},
		"QCOW2Version": {"Can be imported.", "qemu-img create -q -f qcow2 -o compat=0.10 FILE 4M", format.Found{Format: "QCOW2"}, ""},
		"Raw":          {"Can be imported.", "qemu-img create -q -f raw FILE 4M", format.Found{Format: "Raw"}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "image")
			args := strings.Fields(strings.ReplaceAll(tc.command, "FILE", file))
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", tc.command, err, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := format.Detect(transfer.FormatAuto, format.Sample{Head: b[:min(len(b), format.HeadSize)], Size: int64(len(b))})
			check(t, tc.reason, err, tc.wantErr)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: Detect(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCheckTail(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "image.vhd")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", file, "4M").CombinedOutput(); err != nil {
		t.Fatalf("qemu-img: %v\n%s", err, out)
	}
	vhd, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		tail   []byte
		want   string
	}{
		"VHD":  {"A fixed VHD is a raw disk with a footer.", vhd[len(vhd)-format.TailSize:], "VHD image of fixed size"},
		"DMG":  {"A DMG has its mark at the end.", at(512, 0, "koly"), "DMG"},
		"Disk": {"Any other end will do.", make([]byte, 512), ""},
		"None": {"A short file has no tail.", nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { check(t, tc.reason, format.CheckTail(tc.tail), tc.want) })
	}
}

func tarOf(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: 3, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create("disk.img"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzDetect checks that detection never panics, and that it answers with a
// format or a refusal, never both.
func FuzzDetect(f *testing.F) {
	f.Add("", "", []byte("QFI\xfb\x00\x00\x00\x02"), false)
	f.Add("Raw", "text/html; charset=utf-8", []byte("<html><title>x</title>"), false)
	f.Add("QCOW2", "application/json", at(600, 257, "ustar"), true)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add("ISO", "", b.Bytes(), false)
	f.Fuzz(func(t *testing.T, asked, contentType string, head []byte, unpacked bool) {
		s := format.Sample{Head: head, Size: int64(len(head)), ContentType: contentType, Unpacked: unpacked}
		got, err := format.Detect(transfer.Format(asked), s)
		if (err == nil) == (got == format.Found{}) {
			t.Errorf("Detect() = %+v, %v", got, err)
		}
		if err != nil && transfer.ReasonOf(err) != transfer.ReasonFormatRefused {
			t.Errorf("Detect(): %v is %s", err, transfer.ReasonOf(err))
		}
		if err := format.CheckTail(head); err != nil && transfer.ReasonOf(err) != transfer.ReasonFormatRefused {
			t.Errorf("CheckTail(): %v is %s", err, transfer.ReasonOf(err))
		}
	})
}
