// SPDX-License-Identifier: Apache-2.0

// Package policydoc compares bucket policies by what they permit, not by how
// they are written: stores give back another text than they were given.
//
// Of no meaning are white space, the order of members, statements and values,
// values that are there twice, a list of one instead of its value, a number or
// truth value instead of the string of it, the case of actions, the account
// number instead of its root principal, "*" instead of {"AWS": "*"}, and a
// version that is the default.
package policydoc

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// defaultVersion is that of a policy that names none (IAM reference, "Version").
const defaultVersion = "2008-10-17"

// Same reports whether two policies mean the same. It fails if one is not a
// JSON object.
func Same(a, b string) (bool, error) {
	x, err := read(a)
	if err != nil {
		return false, err
	}
	y, err := read(b)
	if err != nil {
		return false, err
	}
	return reflect.DeepEqual(x, y), nil
}

// Check says what is wrong with a text that is not one JSON object.
func Check(text string) error {
	_, err := read(text)
	return err
}

func read(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return nil, errors.Wrap(err, "cannot read policy as JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || doc == nil {
		return nil, errors.New("cannot read policy as JSON: it is not one object")
	}
	if doc["Version"] == nil {
		doc["Version"] = defaultVersion
	}
	return meaning("", doc), nil
}

// meaning is a value of a policy without what is only spelling. name is that of
// the member which has it.
func meaning(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, member := range v {
			out[k] = meaning(k, member)
		}
		return out
	case []any:
		return set(name, v)
	case nil:
		return []any{}
	}
	word := text(v)
	switch name {
	case "Action", "NotAction":
		return []any{strings.ToLower(word)}
	case "Principal", "NotPrincipal":
		return map[string]any{"AWS": []any{word}}
	case "AWS":
		return []any{account(word)}
	}
	return []any{word}
}

// set is a list without order, and without what is in it twice.
func set(name string, list []any) any {
	var all []any
	for _, v := range list {
		m := meaning(name, v)
		if one, ok := m.([]any); ok {
			all = append(all, one...)
			continue
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b any) int { return bytes.Compare(key(a), key(b)) })
	all = slices.CompactFunc(all, func(a, b any) bool { return bytes.Equal(key(a), key(b)) })
	if len(all) == 1 {
		if object, ok := all[0].(map[string]any); ok {
			return object
		}
	}
	return all
}

// key orders values. Members of an object are sorted by the encoder.
func key(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil // What was read from JSON can be written as JSON.
	}
	return b
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
	}
	return "false"
}

// account is the number of an account that a principal names by its root.
func account(principal string) string {
	rest, ok := strings.CutPrefix(principal, "arn:")
	if !ok {
		return principal
	}
	parts := strings.SplitN(rest, ":", 5)
	if len(parts) == 5 && parts[1] == "iam" && parts[4] == "root" {
		return parts[3]
	}
	return principal
}
