// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/file"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const part = 4 << 20

func createUpload(t *testing.T, o file.UploadOptions) *file.Upload {
	t.Helper()
	u, err := file.CreateUpload(o)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// put brings the parts of content and returns how many were there already.
func put(t *testing.T, u *file.Upload, content []byte) (reused int) {
	t.Helper()
	for off := len(content) / part * part; off >= 0; off -= part { // The first one last.
		r, err := u.Put(t.Context(), content[off:min(off+part, len(content))], int64(off))
		if err != nil {
			t.Fatal(err)
		}
		if r {
			reused++
		}
	}
	return reused
}

// TestUpload writes a file with holes in it, of an odd size, in a folder that
// is not there before.
func TestUpload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vms", "artifact")
	content := append(append(endpointtest.Content(1, part+100), make([]byte, 3*part)...), 1, 2, 3)
	mode := uint32(0o640)
	u := createUpload(t, file.UploadOptions{Path: path, Mode: &mode})
	if n := put(t, u, content); n != 0 {
		t.Errorf("reused %d parts of nothing", n)
	}
	again := make([]byte, 1000)
	if err := u.ReadAt(t.Context(), again, part-500); err != nil || !bytes.Equal(again, content[part-500:part+500]) {
		t.Errorf("what was put reads otherwise (%v)", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is there before it is whole")
	}
	p, err := u.Commit(t.Context(), disk.Sum{Size: int64(len(content))})
	if err != nil || p.URI != path || p.Validator == "" {
		t.Fatalf("got %+v, %v", p, err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got another file (%v)", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode: got %v, %v", info.Mode(), err)
	}
}

// TestUploadAgain goes on with what was kept, and makes right what is not.
func TestUploadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "artifact")
	content := endpointtest.Content(2, 4*part)
	u := createUpload(t, file.UploadOptions{Path: path})
	put(t, u, append(bytes.Clone(content), "a tail that is not needed"...))
	if err := u.Abort(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	clear(content[part : part+128<<10]) // The second part has become another.
	u = createUpload(t, file.UploadOptions{Path: path})
	if n := put(t, u, content); n != 4 { // Three, and the empty one behind the last.
		t.Errorf("reused %d parts", n)
	}
	if _, err := u.Commit(t.Context(), disk.Sum{Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got another file (%v)", err)
	}
}

// TestUploadOfAnother says it when what an attempt before has written is of
// another disk, and not when its writes were cut off.
func TestUploadOfAnother(t *testing.T) {
	content := endpointtest.Content(4, 3*part)
	cut := bytes.Clone(content[:2*part+4096])
	clear(cut[:part])              // the first part is written last
	clear(cut[part+8192 : part*2]) // and of the second one, two blocks are there
	changed := bytes.Clone(content)
	changed[part+5]++
	for name, tc := range map[string]struct {
		before []byte
		want   string
	}{
		"Same":    {content, ""},
		"CutOff":  {cut, ""},
		"Nothing": {nil, ""},
		"Changed": {changed, disk.SentOther},
		"Shorter": {changed[:part+512], disk.SentOther},
	} {
		t.Run(name, func(t *testing.T) {
			folder, said := t.TempDir(), ""
			if err := os.WriteFile(filepath.Join(folder, ".artifact.partial"), tc.before, 0o600); err != nil {
				t.Fatal(err)
			}
			u := createUpload(t, file.UploadOptions{Path: filepath.Join(folder, "artifact"), Note: func(s string) { said = s }})
			put(t, u, content)
			if said != tc.want {
				t.Errorf("it says %q, want %q", said, tc.want)
			}
			if _, err := u.Commit(t.Context(), disk.Sum{Size: int64(len(content))}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(folder, "artifact")); err != nil || !bytes.Equal(got, content) {
				t.Errorf("got another file (%v)", err)
			}
		})
	}
}

// TestUploadContested tells the one who comes second.
func TestUploadContested(t *testing.T) {
	path := filepath.Join(t.TempDir(), "artifact")
	u := createUpload(t, file.UploadOptions{Path: path})
	if _, err := file.CreateUpload(file.UploadOptions{Path: path}); transfer.ReasonOf(err) != transfer.ReasonTargetChanged {
		t.Errorf("while another writes: got %v", err)
	}
	put(t, u, []byte("mine"))
	if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context(), disk.Sum{Size: 4}); transfer.ReasonOf(err) != transfer.ReasonTargetChanged {
		t.Errorf("where another has written: got %v", err)
	}
	if err := u.Abort(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "another's" {
		t.Errorf("got %q", got)
	}

	u = createUpload(t, file.UploadOptions{Path: path, Overwrite: true})
	put(t, u, []byte("mine"))
	if err := os.WriteFile(path, []byte("another's again"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context(), disk.Sum{Size: 4}); transfer.ReasonOf(err) != transfer.ReasonTargetChanged {
		t.Errorf("where another has replaced what was to be replaced: got %v", err)
	}
	if err := u.Abort(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	u = createUpload(t, file.UploadOptions{Path: path, Overwrite: true})
	put(t, u, []byte("mine"))
	if _, err := u.Commit(t.Context(), disk.Sum{Size: 4}); err != nil {
		t.Errorf("undisturbed: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("what is left: %v, %v", left, err)
	}
}
