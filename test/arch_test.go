// SPDX-License-Identifier: Apache-2.0

// Package test holds what is checked of the project as a whole. This file is
// the law of docs/architecture.md: which package may import which.
package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/novasphere/provider-wukong/"

// pkg is what `go list -json` tells of one package of ours.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// path is the import path below the module.
func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module) }

// ours are the package's own direct imports of this module, below the module.
func (p pkg) ours() []string { return below(p.Imports) }

// oursAtAnyDepth are its imports of this module, those of its imports too.
func (p pkg) oursAtAnyDepth() []string { return below(p.Deps) }

func below(paths []string) []string {
	var out []string
	for _, i := range paths {
		if rest, ok := strings.CutPrefix(i, module); ok {
			out = append(out, rest)
		}
	}
	return out
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list packages: %v", err)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bufio.NewReader(bytes.NewReader(out))); ; {
		p := pkg{}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("cannot read list of packages: %v", err)
		}
		if strings.HasPrefix(p.ImportPath, module) {
			pkgs = append(pkgs, p)
		}
	}
	if len(pkgs) < 10 {
		t.Fatalf("found only %d packages of ours: the rules would hold of nothing", len(pkgs))
	}
	return pkgs
}

// in reports whether path is one of the folders or lies below one.
func in(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

// TestDataPlaneKnowsNoKubernetes is rule 1.
func TestDataPlaneKnowsNoKubernetes(t *testing.T) {
	foreign := []string{"k8s.io", "sigs.k8s.io", "github.com/crossplane"}
	for _, p := range list(t) {
		if !in(p.path(), "internal/mover", "cmd/mover", "internal/transfer") {
			continue
		}
		for _, d := range p.Deps {
			if in(d, foreign...) || in(strings.TrimPrefix(d, module), "apis", "internal/controller", "internal/clients", "internal/composition") {
				t.Errorf("%s imports %s: the data plane knows nothing of Kubernetes", p.path(), d)
			}
		}
	}
}

// TestControlPlaneNeverImportsMover is rule 2.
func TestControlPlaneNeverImportsMover(t *testing.T) {
	cloud := []string{"github.com/aws/aws-sdk-go-v2", "github.com/google/go-containerregistry"}
	for _, p := range list(t) {
		if !in(p.path(), "apis", "internal/controller", "internal/clients", "internal/composition", "cmd/provider", "cmd/function") {
			continue
		}
		for _, d := range p.oursAtAnyDepth() {
			if in(d, "internal/mover") {
				t.Errorf("%s imports %s: the control plane never imports the mover", p.path(), d)
			}
		}
		for _, d := range p.Imports {
			if in(p.path(), "internal/controller") && in(d, cloud...) {
				t.Errorf("%s imports %s: controllers never import a cloud SDK", p.path(), d)
			}
		}
	}
}

// TestWhoImportsAPIs is rule 3.
func TestWhoImportsAPIs(t *testing.T) {
	for _, p := range list(t) {
		for _, d := range p.ours() {
			if in(d, "apis") && !in(p.path(), "apis", "cmd", "hack", "test", "internal/controller", "internal/composition", "internal/clients/cluster", "internal/clients/credentials") {
				t.Errorf("%s imports %s: only cmd, controller, composition and the clients cluster and credentials may", p.path(), d)
			}
			if in(p.path(), "internal/clients") && in(d, "internal/controller") {
				t.Errorf("%s imports %s: clients never import controllers", p.path(), d)
			}
		}
	}
}

// TestSiblingsDoNotImportSiblings is rule 4.
func TestSiblingsDoNotImportSiblings(t *testing.T) {
	parents := []string{"internal/controller", "internal/clients", "internal/mover/endpoint", "internal/mover/format"}
	for _, p := range list(t) {
		for _, parent := range parents {
			rest, ok := strings.CutPrefix(p.path(), parent+"/")
			if !ok {
				continue
			}
			self, _, _ := strings.Cut(rest, "/")
			for _, d := range p.ours() {
				other, ok := strings.CutPrefix(d, parent+"/")
				other, _, _ = strings.Cut(other, "/")
				if ok && other != self && !leaf(parent, other) {
					t.Errorf("%s imports its sibling %s", p.path(), d)
				}
			}
		}
	}
}

// leaf reports whether a folder under parent is one that its siblings share:
// an algorithm or a vocabulary with a name of its own. It imports none of them:
// as a sibling, it is held to the rule itself.
func leaf(parent, name string) bool {
	shared := map[string][]string{
		"internal/mover/format": {"deflate"},
		"internal/clients":      {"guard"},
		"internal/controller":   {"bucketref", "diagnosis", "meter", "progress", "wiring", "workload"},
	}
	return slices.Contains(shared[parent], name)
}

// TestLeaves is rule 5.
func TestLeaves(t *testing.T) {
	for _, p := range list(t) {
		if !in(p.path(), "internal/transfer", "internal/s3conn", "internal/dockerconfig", "internal/version", "internal/mover/disk", "internal/mover/format/deflate") {
			continue
		}
		for _, d := range p.ours() {
			t.Errorf("%s imports %s: it is a leaf", p.path(), d)
		}
	}
}

// TestWhereGoroutinesStart is rule 6.
func TestWhereGoroutinesStart(t *testing.T) {
	for _, root := range []string{"../internal", "../apis"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			slash := strings.TrimPrefix(filepath.ToSlash(path), "../")
			if in(slash, "internal/mover/engine", "internal/mover/progress") || strings.Contains(slash, "/endpointtest/") {
				return nil
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s: goroutines start in engine, progress and cmd only", fset.Position(g.Pos()))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatalf("cannot read sources: %v", err)
		}
	}
}
