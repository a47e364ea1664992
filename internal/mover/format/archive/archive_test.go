// SPDX-License-Identifier: Apache-2.0

package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/novasphere/provider-wukong/internal/mover/format/archive"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func pack(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := h.Linkname // as what stands in a regular file
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Linkname, h.Size = "", int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReader(t *testing.T) {
	f := func(name, content string) tar.Header { return tar.Header{Name: name, Linkname: content} }
	folder := tar.Header{Typeflag: tar.TypeDir, Name: "disk/"}
	link := tar.Header{Typeflag: tar.TypeSymlink, Name: "disk/link", Linkname: "../secret"}
	content := strings.Repeat("content ", 1000)
	cases := map[string]struct {
		reason string
		tar    []byte
		want   transfer.Reason // empty: the content
	}{
		"Alone":     {"one file in the folder", pack(t, folder, f("disk/a.img", content)), ""},
		"Dotted":    {"whose name begins with a dot", pack(t, f("./disk/a.img", content)), ""},
		"Rooted":    {"or with a slash", pack(t, f("/disk/a.img", content)), ""},
		"Long":      {"or is long", pack(t, f("disk/"+strings.Repeat("a", 200), content)), ""},
		"Among":     {"among others elsewhere", pack(t, f("a", "x"), f("disk/sub/b", "y"), f("disk/c", content), f("disk.img", "z")), ""},
		"Whiteout":  {"beside the mark of one that was deleted", pack(t, f("disk/.wh.old", ""), f("disk/c", content)), ""},
		"Two":       {"two of them", pack(t, f("disk/a", content), f("x", ""), f("disk/b", "")), transfer.ReasonFormatRefused},
		"None":      {"none", pack(t, folder, f("disks/a", content)), transfer.ReasonFormatRefused},
		"Empty":     {"nothing at all", pack(t), transfer.ReasonFormatRefused},
		"Outside":   {"a name that leads elsewhere", pack(t, f("disk/../a", content)), transfer.ReasonFormatRefused},
		"Link":      {"a link to something", pack(t, folder, link), transfer.ReasonFormatRefused},
		"Cut":       {"an end in the middle", pack(t, f("disk/a.img", content))[:2000], transfer.ReasonSourceTruncated},
		"CutHeader": {"or in the header", pack(t, f("disk/a.img", content))[:300], transfer.ReasonSourceTruncated},
		"Other":     {"no archive", bytes.Repeat([]byte("text"), 1000), transfer.ReasonImageCorrupt},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := io.ReadAll(iotest.OneByteReader(archive.NewReader(bytes.NewReader(tc.tar), "disk")))
			if transfer.ReasonOf(err) != tc.want {
				t.Fatalf("%s: got %v, want %q", tc.reason, err, tc.want)
			}
			if tc.want == "" && string(got) != content {
				t.Errorf("%s: got %d bytes, want %d", tc.reason, len(got), len(content))
			}
		})
	}
}

// TestSize tells it before the content is read, and that there is none.
func TestSize(t *testing.T) {
	r := archive.NewReader(bytes.NewReader(pack(t, tar.Header{Name: "disk/a", Linkname: "12345"})), "disk")
	if n, err := r.Size(); n != 5 || err != nil {
		t.Errorf("got %d, %v, want 5", n, err)
	}
	r = archive.NewReader(bytes.NewReader(pack(t)), "disk")
	if _, err := r.Size(); !errors.Is(err, archive.ErrNone) {
		t.Errorf("got %v, want %v", err, archive.ErrNone)
	}
}

// TestSourceErrors passes them.
func TestSourceErrors(t *testing.T) {
	broken := transfer.Retryable(transfer.ReasonSourceUnavailable, errors.New("broken"))
	b := pack(t, tar.Header{Name: "disk/a", Linkname: strings.Repeat("x", 5000)})
	for _, n := range []int{0, 100, 512, 3000} {
		r := archive.NewReader(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken)), "disk")
		if _, err := io.ReadAll(r); transfer.ReasonOf(err) != transfer.ReasonSourceUnavailable {
			t.Errorf("after %d bytes: got %v, want %v", n, err, broken)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(pack(f, tar.Header{Name: "disk/a", Linkname: "content"}))
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := archive.NewReader(bytes.NewReader(b), "disk")
		size, err := r.Size()
		if err != nil {
			return
		}
		if n, err := io.Copy(io.Discard, r); err == nil && n != size {
			t.Errorf("got %d bytes of %d", n, size)
		}
	})
}
