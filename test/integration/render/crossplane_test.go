// SPDX-License-Identifier: Apache-2.0

//go:build integration

package render

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	"github.com/novasphere/provider-wukong/internal/s3test/loopback"
)

const root = "../../.."

// The numbers of the fields in crossplane's proto/render/v1alpha1. Its
// messages are written and read by hand, because the package lies in the module
// of Crossplane itself, which is far too large to depend on for two messages.
const (
	requestComposite  = 2 // RenderRequest
	inputXR           = 1 // CompositeInput
	inputComposition  = 2
	inputFunctions    = 3
	inputObserved     = 4
	inputRequired     = 5
	inputDefinition   = 8
	functionName      = 1 // FunctionInput
	functionAddress   = 2
	responseComposite = 2 // RenderResponse
	outputXR          = 1 // CompositeOutput
	outputComposed    = 2
	outputDeleted     = 3
)

// crossplane is the program, and what it renders with.
type crossplane struct {
	program string

	// functions are the addresses of those that it calls, by their names.
	functions map[string]string

	// folder has the definition and the Composition, composition.yaml and
	// definition.yaml.
	folder string

	// required is what a function finds in the cluster when it asks for it.
	required []object
}

// start finds Crossplane, and builds and serves our function.
func start(t *testing.T) crossplane {
	t.Helper()
	return crossplane{
		program: find(t), folder: "package/configuration", required: surroundings(t),
		functions: map[string]string{"novasphere-function-wukong": serve(t, root, "./cmd/function")},
	}
}

// find finds Crossplane.
func find(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cluster", "path", "crossplane")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot find crossplane; build it with `go run ./cluster build crossplane`: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// serve builds a function in the folder of its module and serves it. It is
// compiled as everywhere else, so that the build cache has it.
func serve(t *testing.T, folder, program string) string {
	t.Helper()
	address, binary := loopback.FreeAddress(t), filepath.Join(t.TempDir(), "function")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, program)
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build function: %v\n%s", err, out)
	}
	running := exec.CommandContext(t.Context(), binary, "--insecure", "--address", address)
	running.Stderr = t.Output()
	if err := running.Start(); err != nil {
		t.Fatalf("cannot start function: %v", err)
	}
	t.Cleanup(func() { _ = running.Process.Kill(); _ = running.Wait() })
	awaitListener(t, address)
	return address
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	for late := time.After(30 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-late:
			t.Fatalf("the function does not listen: %v", err)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// object is any Kubernetes object.
type object = map[string]any

// rendering is what one pass of Crossplane's reconciler did.
type rendering struct {
	xr                object
	composed, deleted []object
}

// render runs one pass.
func (c crossplane) render(t *testing.T, xr object, observed []object) rendering {
	t.Helper()
	in := field(nil, inputXR, encoded(t, xr))
	in = field(in, inputComposition, encoded(t, read(t, c.folder+"/composition.yaml")))
	for name, address := range c.functions {
		function := protowire.AppendString(protowire.AppendTag(nil, functionName, protowire.BytesType), name)
		function = protowire.AppendString(protowire.AppendTag(function, functionAddress, protowire.BytesType), "dns:///"+address)
		in = field(in, inputFunctions, function)
	}
	for _, o := range observed {
		in = field(in, inputObserved, encoded(t, o))
	}
	for _, o := range c.required {
		in = field(in, inputRequired, encoded(t, o))
	}
	in = field(in, inputDefinition, encoded(t, read(t, c.folder+"/definition.yaml")))

	cmd := exec.CommandContext(t.Context(), c.program, "internal", "render")
	cmd.Stdin = bytes.NewReader(field(nil, requestComposite, in))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("crossplane internal render: %v\n%s", err, stderr.String())
	}
	r, err := parse(out)
	if err != nil {
		t.Fatalf("cannot read crossplane's response: %v", err)
	}
	return r
}

func field(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func encoded(t *testing.T, o object) []byte {
	t.Helper()
	s, err := structpb.NewStruct(o)
	if err != nil {
		t.Fatalf("cannot encode object: %v", err)
	}
	b, err := proto.Marshal(s)
	if err != nil {
		t.Fatalf("cannot encode object: %v", err)
	}
	return b
}

// fields calls visit with each field of a message whose fields are messages.
func fields(b []byte, visit func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if kind != protowire.BytesType {
			return fmt.Errorf("field %d has type %d", number, kind)
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(number, value); err != nil {
			return err
		}
	}
	return nil
}

func parse(response []byte) (rendering, error) {
	r := rendering{}
	return r, fields(response, func(number protowire.Number, output []byte) error {
		if number != responseComposite {
			return nil
		}
		return fields(output, r.take)
	})
}

// take reads one field of a CompositeOutput.
func (r *rendering) take(number protowire.Number, value []byte) error {
	if number != outputXR && number != outputComposed && number != outputDeleted {
		return nil
	}
	s := &structpb.Struct{}
	if err := proto.Unmarshal(value, s); err != nil {
		return err
	}
	switch number {
	case outputXR:
		r.xr = s.AsMap()
	case outputComposed:
		r.composed = append(r.composed, s.AsMap())
	default:
		r.deleted = append(r.deleted, s.AsMap())
	}
	return nil
}

// read reads the last object of a manifest of the repository.
func read(t *testing.T, file string) object {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.Split(string(b), "\n---\n")
	return parsed(t, docs[len(docs)-1])
}

func parsed(t *testing.T, manifest string) object {
	t.Helper()
	j, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatalf("cannot parse manifest: %v", err)
	}
	s := &structpb.Struct{}
	if err := protojson.Unmarshal(j, s); err != nil {
		t.Fatalf("cannot parse manifest: %v", err)
	}
	return s.AsMap()
}

// surroundings is a cluster with KubeVirt and Multus, and with what the
// contract's manifests name and others make.
func surroundings(t *testing.T) []object {
	t.Helper()
	var all []object
	for _, manifest := range []string{
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: virtualmachines.kubevirt.io}}",
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: network-attachment-definitions.k8s.cni.cncf.io}}",
		"{apiVersion: k8s.cni.cncf.io/v1, kind: NetworkAttachmentDefinition, metadata: {name: storage-net, namespace: demo}}",
		"{apiVersion: v1, kind: Secret, metadata: {name: ssh-keys, namespace: demo}, data: {alice: c3NoLWVkMjU1MTkgQUFBQQ==}}",
	} {
		all = append(all, parsed(t, manifest))
	}
	return all
}
