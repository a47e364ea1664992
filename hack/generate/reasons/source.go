// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// code is what the sources say of reasons.
type code struct {
	groups []group

	// conditions are the constants that are types of conditions and say what
	// they mean.
	conditions []reason

	// messages are the sentences that have a constant of their own, by its name.
	messages map[string]string

	// sentences that come with a reason, by the name of its constant.
	sentences map[string][]string

	// used are the names of the constants that something uses.
	used map[string]bool
}

// A group is a block of constants that are reasons.
type group struct {
	title, rest string
	reasons     []reason
}

// A reason is one of its constants.
type reason struct{ name, value, comment string }

// read reads the constants below some folders, and the sentences in others.
func read(constants []string, folders ...string) (*code, error) {
	c := &code{messages: map[string]string{}, sentences: map[string][]string{}, used: map[string]bool{}}
	for _, f := range constants {
		if err := each(f, c.constants); err != nil {
			return nil, err
		}
	}
	for _, f := range folders {
		if err := each(f, func(file *ast.File) { ast.Inspect(file, c.look) }); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// each calls visit with every source file below a folder, but tests and what is
// generated.
func each(folder string, visit func(*ast.File)) error {
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(filepath.Base(path), "zz_") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err == nil {
			visit(f)
		}
		return err
	})
}

// constants finds the blocks of constants of a file that are reasons.
func (c *code) constants(f *ast.File) {
	for _, d := range f.Decls {
		if body, ok := d.(*ast.FuncDecl); ok {
			ast.Inspect(body, c.look)
		}
		block, ok := d.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		title, rest, _ := strings.Cut(strings.Join(strings.Fields(block.Doc.Text()), " "), ". ")
		rest = regexp.MustCompile(`\bReason([A-Z]\w+)`).ReplaceAllString(rest, "`$1`")
		g := group{title: strings.TrimSuffix(title, "."), rest: rest}
		for _, s := range block.Specs {
			if r, ok := constant(s, "Condition"); ok && r.comment != "" {
				c.conditions = append(c.conditions, r)
			}
			if r, ok := constant(s, "Reason", "reason"); ok {
				g.reasons = append(g.reasons, r)
			}
			if m, ok := constant(s, "Message"); ok {
				c.messages[m.name] = m.value
			}
		}
		if len(g.reasons) > 0 {
			c.groups = append(c.groups, g)
		}
	}
}

// constant is a constant whose name begins with one of the prefixes.
func constant(s ast.Spec, prefixes ...string) (reason, bool) {
	v, ok := s.(*ast.ValueSpec)
	if !ok || len(v.Names) != 1 || len(v.Values) != 1 {
		return reason{}, false
	}
	name := v.Names[0].Name
	if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return reason{}, false
	}
	value, ok := literal(v.Values[0])
	comment := strings.TrimPrefix(strings.TrimLeft(strings.TrimPrefix(v.Doc.Text()+v.Comment.Text(), name), ": "), "is ")
	return reason{name, value, readable(comment)}, ok
}

// look notes the use of a reason, and keeps the sentence of a call or a
// composite that holds one too.
func (c *code) look(n ast.Node) bool {
	var parts []ast.Expr
	switch n := n.(type) {
	case *ast.Ident:
		c.used[n.Name] = true
	case *ast.CallExpr:
		parts = n.Args
	case *ast.CompositeLit:
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value
			}
			parts = append(parts, e)
		}
	default:
		return true
	}
	name, sentence := "", ""
	for _, p := range parts {
		if s, ok := p.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "Reason") {
			name = s.Sel.Name
		}
		if s, ok := literal(p); ok && strings.Contains(s, " ") {
			sentence = s
		} else if s, ok := p.(*ast.SelectorExpr); ok && c.messages[s.Sel.Name] != "" {
			sentence = c.messages[s.Sel.Name]
		}
	}
	if name == "" || sentence == "" {
		return true
	}
	said := readable(sentence)
	// One that is filled in altogether says nothing here.
	if strings.Trim(said, "… .") != "" && !slices.Contains(c.sentences[name], said) {
		c.sentences[name] = append(c.sentences[name], said)
	}
	return true
}

// literal is the text that an expression is made of: a literal, several that
// are added, with … for what stands between, or the format of a Sprintf.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, lok := literal(e.X)
		right, rok := literal(e.Y)
		if !lok {
			left = "…"
		}
		if !rok {
			right = "…"
		}
		return left + right, lok || rok
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return literal(e.Args[0])
		}
	}
	return "", false
}

// readable is a sentence of the code as people read it, with … for what is
// filled in.
func readable(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	s = regexp.MustCompile(`%[.0-9]*[a-z]`).ReplaceAllString(s, "…")
	s = strings.ReplaceAll(s, `"…"`, "…")
	if first := s[0]; first >= 'a' && first <= 'z' {
		s = string(first-'a'+'A') + s[1:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "…") {
		s += "."
	}
	return s
}
