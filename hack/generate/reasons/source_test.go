// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRead reads sources in which each way of saying a reason stands once.
func TestRead(t *testing.T) {
	apis, controllers := t.TempDir(), t.TempDir()
	write(t, apis, `package v1alpha1

// Reasons why it waits. Each heals: ReasonPlain too.
const (
	ReasonPlain Reason = "Plain"

	// ReasonCommented: somebody has
	// to act.
	ReasonCommented Reason = "Commented"
	ReasonUnused    Reason = "Unused"
)

const (
	// ConditionDone is True when it is done.
	ConditionDone = "Done"
)

// MessageShared is said twice.
const MessageShared = "It waits for %d others"

func use() Reason { return ReasonPlain }
`)
	write(t, controllers, `package c

func f(name string) {
	finding(v1alpha1.ReasonCommented, "claim %q is gone: make %s.", name, name)
	_ = &Finding{Reason: v1alpha1.ReasonCommented, Message: "no class " + name + " is there"}
	_ = &Finding{Reason: v1alpha1.ReasonCommented, Message: fmt.Sprintf("%s waits.", name)}
	finding(v1alpha1.ReasonCommented, "%s. %s", name, name)
	finding(v1alpha1.ReasonCommented, v1alpha1.MessageShared)
}
`)
	c, err := read([]string{apis}, controllers)
	if err != nil {
		t.Fatal(err)
	}
	want := []group{{
		title: "Reasons why it waits", rest: "Each heals: `Plain` too.",
		reasons: []reason{
			{name: "ReasonPlain", value: "Plain"},
			{name: "ReasonCommented", value: "Commented", comment: "Somebody has\nto act."},
			{name: "ReasonUnused", value: "Unused"},
		},
	}}
	if diff := cmp.Diff(want, c.groups, cmp.AllowUnexported(group{}, reason{})); diff != "" {
		t.Errorf("constants, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]reason{{"ConditionDone", "Done", "True when it is done."}}, c.conditions, cmp.AllowUnexported(reason{})); diff != "" {
		t.Errorf("conditions, -want +got:\n%s", diff)
	}
	sentences := map[string][]string{"ReasonCommented": {"Claim … is gone: make ….", "No class … is there.", "… waits.", "It waits for … others."}}
	if diff := cmp.Diff(sentences, c.sentences); diff != "" {
		t.Errorf("sentences, -want +got:\n%s", diff)
	}
	if !c.used["ReasonPlain"] || !c.used["ReasonCommented"] || c.used["ReasonUnused"] {
		t.Errorf("used are %v", c.used)
	}
}

func write(t *testing.T, folder, source string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "source.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
}
