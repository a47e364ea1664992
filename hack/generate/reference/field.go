// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// sections describe an object: a table of its fields, and behind it a section
// for each field that is an object, or a list or map of objects.
func sections(path string, s extv1.JSONSchemaProps) string {
	o, _ := object(s)
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n", path)
	if r := rules(o); r != "" {
		fmt.Fprintf(&b, "%s\n", r)
	}
	b.WriteString("| field | type | default | |\n|---|---|---|---|\n")
	for _, name := range names(o) {
		b.WriteString(row(path, name, o))
	}
	for _, name := range names(o) {
		p := o.Properties[name]
		if inner, suffix := object(p); len(inner.Properties) > 0 {
			b.WriteString(sections(path+"."+name+suffix, p))
		}
	}
	return b.String()
}

// row is one field in the table of its object.
func row(path, name string, o extv1.JSONSchemaProps) string {
	p := o.Properties[name]
	title := "`" + name + "`"
	if slices.Contains(o.Required, name) {
		title = "**" + title + "**"
	}
	kind := typeOf(p)
	inner, suffix := object(p)
	if len(inner.Properties) > 0 {
		kind = fmt.Sprintf("[%s](#%s)", kind, anchor(path+"."+name+suffix))
	}
	say := cell(p.Description)
	for _, part := range append(bounds(p), messages(p, inner)...) {
		if say != "" {
			say += "<br>"
		}
		say += part
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", title, kind, fallback(p), say)
}

// names are those of an object's fields, required ones first.
func names(o extv1.JSONSchemaProps) []string {
	return slices.SortedFunc(maps.Keys(o.Properties), func(a, b string) int {
		ra, rb := slices.Contains(o.Required, a), slices.Contains(o.Required, b)
		if ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
}

// object is the object that a field holds, and what its path has behind the
// name: [] for those of a list, .* for those of a map.
func object(s extv1.JSONSchemaProps) (o extv1.JSONSchemaProps, suffix string) {
	switch {
	case s.Items != nil && s.Items.Schema != nil:
		o, suffix = object(*s.Items.Schema)
		return o, "[]" + suffix
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		o, suffix = object(*s.AdditionalProperties.Schema)
		return o, ".*" + suffix
	}
	return s, ""
}

// typeOf is a field's type as people write it.
func typeOf(s extv1.JSONSchemaProps) string {
	switch {
	case s.XIntOrString:
		return "quantity or number"
	case s.Items != nil && s.Items.Schema != nil:
		return "list of " + typeOf(*s.Items.Schema)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(*s.AdditionalProperties.Schema)
	case s.Type == "" || s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields && len(s.Properties) == 0:
		return "any"
	case s.Format == "date-time":
		return "time"
	}
	return s.Type
}

// fallback is what the API server writes where the field is left out.
func fallback(s extv1.JSONSchemaProps) string {
	if s.Default == nil {
		return ""
	}
	return "`" + strings.ReplaceAll(string(s.Default.Raw), "|", "\\|") + "`"
}

// bounds are what a value must keep within.
func bounds(s extv1.JSONSchemaProps) []string {
	var out []string
	if len(s.Enum) > 0 {
		values := make([]string, 0, len(s.Enum))
		for _, e := range s.Enum {
			values = append(values, "`"+strings.Trim(string(e.Raw), `"`)+"`")
		}
		out = append(out, "One of "+strings.Join(values, ", ")+".")
	}
	for _, r := range []struct {
		least, most *int64
		of          string
	}{{s.MinLength, s.MaxLength, " characters"}, {s.MinItems, s.MaxItems, " items"}, {s.MinProperties, s.MaxProperties, " keys"}} {
		if said := between(number(r.least), number(r.most), r.of); said != "" && len(s.Enum) == 0 {
			out = append(out, said)
		}
	}
	if said := between(s.Minimum, s.Maximum, ""); said != "" {
		out = append(out, said)
	}
	if s.Pattern != "" {
		out = append(out, "Matches `"+strings.ReplaceAll(s.Pattern, "|", "\\|")+"`.")
	}
	return out
}

// number is a bound as between takes it.
func number(n *int64) *float64 {
	if n == nil || *n == 0 {
		return nil // At least 0 of something is no bound.
	}
	f := float64(*n)
	return &f
}

// between says from where to where a value or a count may be; "" if anywhere.
func between(least, most *float64, of string) string {
	text := func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) }
	switch {
	case least != nil && most != nil:
		return text(least) + " to " + text(most) + of + "."
	case least != nil:
		return "At least " + text(least) + of + "."
	case most != nil:
		return "At most " + text(most) + of + "."
	}
	return ""
}

// messages are what the rules of a field that is no object say; an object's
// stand in its section.
func messages(s, inner extv1.JSONSchemaProps) []string {
	if len(s.Properties) > 0 {
		return nil
	}
	var out []string
	all := s.XValidations
	if len(inner.Properties) == 0 && (s.Items != nil || s.AdditionalProperties != nil) {
		all = append(slices.Clone(all), inner.XValidations...)
	}
	for _, r := range all {
		out = append(out, rule(cell(r.Message)))
	}
	return out
}

// rules lists what the rules of an object say, each once.
func rules(o extv1.JSONSchemaProps) string {
	var b strings.Builder
	var seen []string
	for _, r := range o.XValidations {
		if len(o.Properties) == 0 || slices.Contains(seen, r.Message) {
			continue
		}
		seen = append(seen, r.Message)
		fmt.Fprintf(&b, "- %s\n", rule(text(r.Message)))
	}
	return b.String()
}

func rule(message string) string { return "Rule: " + strings.TrimSuffix(message, ".") + "." }

// text escapes what Markdown would take for HTML.
func text(s string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(s)
}

// cell is text on one line, for a table.
func cell(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n\n", "<br>")
	parts := strings.Split(s, "<br>")
	for i := range parts {
		parts[i] = strings.ReplaceAll(text(strings.Join(strings.Fields(parts[i]), " ")), "|", "\\|")
	}
	return strings.Join(parts, "<br>")
}

// firstSentence of a description.
func firstSentence(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// anchor is the one that GitHub gives to a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}
