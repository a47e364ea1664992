// SPDX-License-Identifier: Apache-2.0

// Command reference writes a page for each kind of an API: of the
// CustomResourceDefinitions and CompositeResourceDefinitions in the files that
// it is given, it describes every field with its type, its default, its bounds
// and the rules that the API server holds it to. The definitions are what is
// installed, so the pages cannot say anything else.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const header = "<!-- Generated from package/ by `make generate`; do not edit. -->\n\n"

func main() {
	out := flag.String("out", "", "the `folder` that the pages are written to")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// A definition is what a CustomResourceDefinition and a
// CompositeResourceDefinition have in common.
type definition struct {
	Spec struct {
		Group      string                               `json:"group"`
		Names      extv1.CustomResourceDefinitionNames  `json:"names"`
		ClaimNames *extv1.CustomResourceDefinitionNames `json:"claimNames,omitempty"`
		Scope      string                               `json:"scope"`
		Versions   []version                            `json:"versions"`
	} `json:"spec"`
}

type version struct {
	Name   string `json:"name"`
	Schema struct {
		OpenAPIV3Schema extv1.JSONSchemaProps `json:"openAPIV3Schema"`
	} `json:"schema"`
}

func run(out string, files []string) error {
	var all []definition
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("cannot read definition: %w", err)
		}
		d := definition{}
		if err := yaml.Unmarshal(b, &d); err != nil {
			return fmt.Errorf("cannot parse %s: %w", f, err)
		}
		if len(d.Spec.Versions) == 0 {
			return fmt.Errorf("cannot describe %s: it defines no version", f)
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b definition) int {
		return strings.Compare(a.Spec.Group+" "+a.Spec.Names.Kind, b.Spec.Group+" "+b.Spec.Names.Kind)
	})
	for _, d := range all {
		if err := os.WriteFile(filepath.Join(out, d.file()), []byte(header+d.page()), 0o644); err != nil {
			return fmt.Errorf("cannot write page: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(out, "README.md"), []byte(header+index(all)), 0o644); err != nil {
		return fmt.Errorf("cannot write index: %w", err)
	}
	return nil
}

func (d definition) file() string { return strings.ToLower(d.Spec.Names.Kind) + ".md" }

// index lists the kinds.
func index(all []definition) string {
	var b strings.Builder
	b.WriteString("# Reference\n\nEvery field of every kind, as the API server knows it.\n\n| kind | group and version | |\n|---|---|---|\n")
	for _, d := range all {
		v := d.Spec.Versions[0]
		fmt.Fprintf(&b, "| [%s](%s) | `%s/%s` | %s |\n", d.Spec.Names.Kind, d.file(), d.Spec.Group, v.Name, cell(firstSentence(v.Schema.OpenAPIV3Schema.Description)))
	}
	b.WriteString("\n[Reasons](reasons.md): every reason of a condition, and what to do.\n")
	return b.String()
}

// page describes a kind in each of its versions.
func (d definition) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", d.Spec.Names.Kind)
	for _, v := range d.Spec.Versions {
		s := v.Schema.OpenAPIV3Schema
		fmt.Fprintf(&b, "\n`apiVersion: %s/%s`, `kind: %s`%s.\n", d.Spec.Group, v.Name, d.Spec.Names.Kind, d.scope())
		if s.Description != "" {
			fmt.Fprintf(&b, "\n%s\n", text(s.Description))
		}
		fmt.Fprintf(&b, "\n**Bold** fields are required. A rule is checked by the API server, which answers with its sentence.\n")
		if r := rules(s); r != "" {
			fmt.Fprintf(&b, "\n%s", r)
		}
		for _, name := range names(s) {
			if o, _ := object(s.Properties[name]); len(o.Properties) > 0 && name != "metadata" {
				b.WriteString(sections(name, s.Properties[name]))
			}
		}
	}
	return b.String()
}

// scope says where objects of the kind stand.
func (d definition) scope() string {
	s := ""
	switch d.Spec.Scope {
	case "Namespaced":
		s = ", in a namespace"
	case "Cluster", "LegacyCluster":
		s = ", for the whole cluster"
	}
	if c := d.Spec.ClaimNames; c != nil {
		s += fmt.Sprintf("; its claim, `kind: %s`, stands in a namespace and has the same `spec`", c.Kind)
	}
	return s
}
