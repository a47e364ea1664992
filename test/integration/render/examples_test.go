// SPDX-License-Identifier: Apache-2.0

//go:build integration

package render

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/novasphere/provider-wukong/test/admission"
)

// The numbers of the fields in crossplane's proto/render/v1alpha1 that only
// CronOperations have.
const (
	requestCron   = 4 // RenderRequest
	inputCron     = 1 // CronOperationInput
	responseCron  = 4 // RenderResponse
	outputCreated = 1 // CronOperationOutput
)

// TestExamples renders every Wukong among the examples until nothing changes.
// An API server would accept all that is made of them.
func TestExamples(t *testing.T) {
	c, s := start(t), server(t)
	rendered := 0
	for _, folder := range []string{"wukong", "contract"} {
		files, err := filepath.Glob(filepath.Join(root, "examples", folder, "*.yaml"))
		if err != nil || len(files) < 4 {
			t.Fatalf("found %d manifests: %v", len(files), err)
		}
		for _, f := range files {
			for _, manifest := range wukongs(t, f) {
				rendered++
				t.Run(filepath.Base(f), func(t *testing.T) { accepted(t, s, c.settle(t, shapes()[0], manifest)) })
			}
		}
	}
	if rendered < 15 {
		t.Errorf("rendered only %d Wukongs", rendered)
	}
}

// accepted checks that an API server would accept what was composed, as far as
// it is of kinds whose definitions are here.
func accepted(t *testing.T, s *admission.Server, r rendering) {
	t.Helper()
	if len(r.composed) == 0 {
		t.Error("nothing is composed")
	}
	for _, o := range r.composed {
		u := unstructured.Unstructured{Object: o}
		unstructured.RemoveNestedField(o, "status")
		if err := s.Create(t.Context(), o); err != nil && !runtime.IsNotRegisteredError(err) {
			t.Errorf("%s %q is refused: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// server knows the kinds of the provider's package.
func server(t *testing.T) *admission.Server {
	t.Helper()
	s, err := admission.New()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "package", "provider", "crds", "*.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d definitions: %v", len(files), err)
	}
	for _, f := range append(files, "../testdata/kubevirt/virtualmachines.yaml") {
		if err := s.Define(f); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// wukongs are the Wukongs in a manifest.
func wukongs(t *testing.T, file string) []object {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []object
	for doc := range strings.SplitSeq(string(b), "\n---\n") {
		o := object{}
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("cannot parse %s: %v", file, err)
		}
		if o["kind"] == "Wukong" {
			all = append(all, o)
		}
	}
	return all
}

// TestCronOperation lets Crossplane make the Operation of the example that backs
// up every night. Its function is not here to be called.
func TestCronOperation(t *testing.T) {
	c := start(t)
	b, err := os.ReadFile(filepath.Join(root, "examples", "backup", "cronoperation.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.Split(string(b), "\n---\n")
	cron := object{}
	if err := yaml.Unmarshal([]byte(docs[len(docs)-1]), &cron); err != nil {
		t.Fatalf("cannot parse example: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), c.program, "internal", "render")
	cmd.Stdin = bytes.NewReader(field(nil, requestCron, field(nil, inputCron, encoded(t, cron))))
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("crossplane internal render: %v", err)
	}
	operation := &structpb.Struct{}
	err = fields(out, func(number protowire.Number, output []byte) error {
		if number != responseCron {
			return nil
		}
		return fields(output, func(number protowire.Number, value []byte) error {
			if number != outputCreated {
				return nil
			}
			return proto.Unmarshal(value, operation)
		})
	})
	if err != nil {
		t.Fatalf("cannot read crossplane's response: %v", err)
	}
	u := unstructured.Unstructured{Object: operation.AsMap()}
	steps, _, _ := unstructured.NestedSlice(u.Object, "spec", "pipeline")
	if len(steps) != 1 || !strings.HasPrefix(u.GetName(), "nightly-backup-") {
		t.Fatalf("Crossplane makes the Operation %q with %d steps", u.GetName(), len(steps))
	}
	u.SetAPIVersion("ops.crossplane.io/v1alpha1") // Crossplane leaves both out.
	u.SetKind("Operation")
	if err := server(t).Create(t.Context(), u.Object); err != nil {
		t.Errorf("the Operation is refused: %v", err)
	}
}
