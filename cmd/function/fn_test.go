// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"
)

// object reads a YAML object.
func object(t *testing.T, manifest string) *structpb.Struct {
	t.Helper()
	j, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatalf("the test's manifest is no YAML: %v", err)
	}
	s := &structpb.Struct{}
	if err := protojson.Unmarshal(j, s); err != nil {
		t.Fatalf("the test's manifest is no object: %v", err)
	}
	return s
}

// request is what Crossplane sends for a Wukong with a spec of this YAML.
func request(t *testing.T, spec string) *fnv1.RunFunctionRequest {
	t.Helper()
	w := object(t, `
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
metadata: {name: vm, namespace: demo, uid: 0c9e1b9a-5d5c-4a86-8d60-0f2b4a1d7c11, generation: 1, managedFields: []}
spec: {cpu: 2, memory: 4Gi, crossplane: {compositionRef: {name: wukong}, resourceRefs: []}, `+spec+`}
status: {conditions: [{type: Synced, status: "True", reason: x, lastTransitionTime: "2026-01-01T00:00:00Z"}], fieldOfANewerRelease: 1}
`)
	return &fnv1.RunFunctionRequest{
		Meta:     &fnv1.RequestMeta{Tag: "t"},
		Observed: &fnv1.State{Composite: &fnv1.Resource{Resource: w}},
	}
}

func call(t *testing.T, req *fnv1.RunFunctionRequest) *fnv1.RunFunctionResponse {
	t.Helper()
	f := &Function{log: logging.NewNopLogger()}
	rsp, err := f.RunFunction(t.Context(), req)
	if err != nil {
		t.Fatalf("RunFunction: %v", err)
	}
	again, err := f.RunFunction(t.Context(), req)
	if err != nil {
		t.Fatalf("RunFunction: %v", err)
	}
	if diff := cmp.Diff(marshalled(t, rsp), marshalled(t, again)); diff != "" {
		t.Errorf("the same request gives another response, which keeps Crossplane busy:\n%s", diff)
	}
	return rsp
}

func marshalled(t *testing.T, m proto.Message) string {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// answered answers every requirement of the response with what is found.
func answered(req *fnv1.RunFunctionRequest, rsp *fnv1.RunFunctionResponse, found ...*structpb.Struct) *fnv1.RunFunctionRequest {
	req.RequiredResources = map[string]*fnv1.Resources{}
	for key := range rsp.GetRequirements().GetResources() {
		rs := &fnv1.Resources{}
		for _, f := range found {
			rs.Items = append(rs.Items, &fnv1.Resource{Resource: f})
		}
		req.RequiredResources[key] = rs
	}
	return req
}

const imported = "disks: [{name: system, size: 20Gi, importSource: {type: http, url: 'http://images.example.com/a'}}]"

func TestRequirementsFirst(t *testing.T) {
	rsp := call(t, request(t, imported))
	want := map[string]*fnv1.ResourceSelector{
		"disk.wukong.m.novasphere.dev/v1alpha1/DiskImport/demo/vm-system": {
			ApiVersion: "disk.wukong.m.novasphere.dev/v1alpha1",
			Kind:       "DiskImport",
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: "vm-system"},
			Namespace:  proto.String("demo"),
		},
	}
	if diff := cmp.Diff(want, rsp.GetRequirements().GetResources(), protocmp.Transform()); diff != "" {
		t.Errorf("requirements, -want +got:\n%s", diff)
	}
	if n := len(rsp.GetDesired().GetResources()); n != 0 {
		t.Errorf("%d resources are desired before anybody looked whether their names are free", n)
	}
}

func TestComposedIsSparse(t *testing.T) {
	req := request(t, imported)
	rsp := call(t, answered(req, call(t, req)))
	want := object(t, `
apiVersion: disk.wukong.m.novasphere.dev/v1alpha1
kind: DiskImport
metadata:
  name: vm-system
  labels: &labels {vm.novasphere.dev/wukong: vm, vm.novasphere.dev/disk: system}
spec:
  forProvider:
    source: {http: {url: "http://images.example.com/a"}}
    target: {name: vm-system, size: 20Gi, labels: *labels}
  providerConfigRef: {kind: ClusterProviderConfig, name: default}
`)
	got := rsp.GetDesired().GetResources()["disk-system"]
	if diff := cmp.Diff(want, got.GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("a field that is not set must not be applied; -want +got:\n%s", diff)
	}
	if got.GetReady() != fnv1.Ready_READY_FALSE {
		t.Errorf("it is %s before it is there", got.GetReady())
	}
}

func TestForeignObjectIsNotAdopted(t *testing.T) {
	req := request(t, imported)
	somebodys := object(t, "{apiVersion: v1, kind: X, metadata: {name: vm-system, namespace: demo}}")
	rsp := call(t, answered(req, call(t, req), somebodys))
	if n := len(rsp.GetDesired().GetResources()); n != 0 {
		t.Errorf("%d resources are desired under a name that is taken", n)
	}
	if rsp.GetDesired().GetComposite().GetReady() != fnv1.Ready_READY_FALSE {
		t.Error("a Wukong with a disk that is refused must not be ready")
	}
	if len(rsp.GetResults()) != 1 || rsp.GetResults()[0].GetTarget() != fnv1.Target_TARGET_COMPOSITE_AND_CLAIM {
		t.Errorf("want one warning for the composite and its claim, got %v", rsp.GetResults())
	}
}

func TestObserved(t *testing.T) {
	req := request(t, "disks: [{name: system, size: 20Gi, importSource: {type: http, url: 'http://images.example.com/a'}}, {name: data, size: 8Ti}]")
	req.Observed.Resources = map[string]*fnv1.Resource{
		"disk-system": {Resource: object(t, `
apiVersion: disk.wukong.m.novasphere.dev/v1alpha1
kind: DiskImport
metadata: {name: vm-system}
spec: {forProvider: {source: {http: {url: "http://images.example.com/a"}}, target: {name: vm-system, size: 20Gi}}}
status:
  atProvider: {phase: Importing, progress: {percent: 40, transferredBytes: 9007199254740991, writtenBytes: 0, bytesPerSecond: 5000000000}, aFieldOfANewerProvider: 1}
`)},
		"claim-data": {Resource: object(t, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: vm-data}
spec: {storageClassName: slow, resources: {requests: {storage: 8Ti}}}
status: {phase: Bound}
`)},
	}
	rsp := call(t, req)
	want := object(t, `
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
status:
  phase: Creating
  progress: 40%
  speed: 4.7 GiB/s
  message: 'disk "system": waiting for its image to be imported'
  volumes:
  - {name: system, bound: false, size: 20Gi, importStatus: {phase: Importing, progress: 40%, speed: 4.7 GiB/s}}
  - {name: data, bound: true, size: 8Ti, pvcName: vm-data}
`)
	if diff := cmp.Diff(want, rsp.GetDesired().GetComposite().GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("composite, -want +got:\n%s", diff)
	}
}

func TestStatusOfAnEarlierStepStays(t *testing.T) {
	req := request(t, imported)
	req.Desired = &fnv1.State{
		Composite: &fnv1.Resource{Resource: object(t, "{status: {theirs: kept, phase: overwritten}}")},
		Resources: map[string]*fnv1.Resource{"theirs": {Resource: object(t, "{kind: ConfigMap}")}},
	}
	d := call(t, req).GetDesired()
	status := d.GetComposite().GetResource().AsMap()["status"].(map[string]any)
	if status["theirs"] != "kept" || status["phase"] != "Pending" {
		t.Errorf("status is %v", status)
	}
	if d.GetResources()["theirs"] == nil {
		t.Error("the resource of an earlier step is gone")
	}
}

// TestEachConditionOnce guards Crossplane's circuit breaker: a condition that
// is False and then True in one response has a new time on every pass, which
// begins the next one.
func TestEachConditionOnce(t *testing.T) {
	got := map[string][]fnv1.Status{}
	for _, c := range call(t, request(t, imported)).GetConditions() {
		got[c.GetType()] = append(got[c.GetType()], c.GetStatus())
	}
	want := map[string][]fnv1.Status{
		"DisksAccepted":          {fnv1.Status_STATUS_CONDITION_TRUE},
		"VolumesBound":           {fnv1.Status_STATUS_CONDITION_FALSE},
		"VirtualMachineComposed": {fnv1.Status_STATUS_CONDITION_FALSE},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions, -want +got:\n%s", diff)
	}
}

func TestUnknownFieldIsFatal(t *testing.T) {
	rsp := call(t, request(t, "turbo: true"))
	if len(rsp.GetResults()) != 1 || rsp.GetResults()[0].GetSeverity() != fnv1.Severity_SEVERITY_FATAL {
		t.Fatalf("a field that the function does not know is ignored: %v", rsp)
	}
}
