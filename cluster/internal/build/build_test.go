// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBinary(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		pkg    string
		want   string
	}{
		"Last":    {reason: "a binary should be named by the last element", pkg: "k8s.io/kubernetes/cmd/kubectl", want: "kubectl"},
		"Version": {reason: "a major version should not name a binary", pkg: "go.etcd.io/etcd/server/v3", want: "server"},
		"Local":   {reason: "a folder of the module should name its binary", pkg: "./dns", want: "dns"},
		"LikeOne": {reason: "a name that only begins like a version should stay", pkg: "example.com/v8engine", want: "v8engine"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := binary(tc.pkg); got != tc.want {
				t.Errorf("%s: binary(%q) = %q, want %q", tc.reason, tc.pkg, got, tc.want)
			}
		})
	}
}

func TestProgramsAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, u := range Units() {
		for _, p := range u.Programs {
			if other, ok := seen[p.Name]; ok {
				t.Errorf("program %s is made by %s and %s", p.Name, other, u.Name)
			}
			seen[p.Name] = u.Name
			if found, ok := Find(p.Name); !ok || (found.Name != u.Name && found.Name != p.Name) {
				t.Errorf("Find(%q) = %s, %t", p.Name, found.Name, ok)
			}
		}
	}
	if _, ok := Find("nothing"); ok {
		t.Error("Find should not find what nobody makes")
	}
}

func TestKeyFollowsContent(t *testing.T) {
	modules := t.TempDir()
	write := func(file, content string) {
		t.Helper()
		path := filepath.Join(modules, "m", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n\ngo 1.26.0\n")
	write("go.sum", "")
	write("p/main.go", "package main\n")
	b := &Builder{Cache: t.TempDir(), Modules: modules, Log: io.Discard}
	u := Unit{Name: "u", Module: "m", Programs: programs("", "./p")}
	key := func(u Unit) string {
		t.Helper()
		k, err := b.key(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}

	first := key(u)
	write("p/main_test.go", "package main\n")
	write("q/main.go", "package main\n")
	if key(u) != first {
		t.Error("a test and another program should not change the key")
	}
	write("p/main.go", "package main // changed\n")
	second := key(u)
	if second == first {
		t.Error("a changed source should change the key")
	}
	u.LDFlags = "-X a=b"
	if key(u) == second {
		t.Error("a changed flag should change the key")
	}
}

func TestOnceFillsOnceAndPrunes(t *testing.T) {
	b := &Builder{Cache: t.TempDir(), Log: io.Discard}
	fills := 0
	fill := func(to string) error {
		fills++
		return os.WriteFile(filepath.Join(to, "f"), nil, 0o644)
	}
	for i, key := range []string{"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"} {
		dir := filepath.Join(b.Cache, "x-"+key)
		if err := b.Once(t.Context(), dir, fill); err != nil {
			t.Fatal(err)
		}
		when := time.Unix(int64(i), 0)
		if err := os.Chtimes(dir, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if fills != 3 {
		t.Errorf("filled %d times, want 3: what is there should not be made again", fills)
	}
	left, err := filepath.Glob(filepath.Join(b.Cache, "*x-*"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(b.Cache, "x-bbbbbbbbbbbbbbbb"), filepath.Join(b.Cache, "x-cccccccccccccccc")}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("the two youngest should be left: -want, +got:\n%s", diff)
	}
}

func TestOnceKeepsNothingOfAFailure(t *testing.T) {
	b := &Builder{Cache: t.TempDir(), Log: io.Discard}
	failure := errors.New("failure")
	dir := filepath.Join(b.Cache, "x-aaaaaaaaaaaaaaaa")
	if err := b.Once(t.Context(), dir, func(string) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want the failure", err)
	}
	left, err := filepath.Glob(filepath.Join(b.Cache, "*x-*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCount(t *testing.T) {
	var packages atomic.Int64
	rest := count(strings.NewReader("a/b\ngo: downloading x v1\nc\n# c\nc/x.go:1:2: no\n"), &packages)
	if packages.Load() != 2 {
		t.Errorf("counted %d packages, want 2", packages.Load())
	}
	if want := []byte("go: downloading x v1\n# c\nc/x.go:1:2: no"); !bytes.Equal(rest, want) {
		t.Errorf("rest is %q, want %q", rest, want)
	}
}
