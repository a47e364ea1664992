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
		"apiextensions.k8s.io/v1/CustomResourceDefinition//virtualmachines.kubevirt.io": {
			ApiVersion: "apiextensions.k8s.io/v1",
			Kind:       "CustomResourceDefinition",
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: "virtualmachines.kubevirt.io"},
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
  namespace: demo
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

// machine asks for what is empty where it says nothing more.
const machine = "sshKeySecret: keys, networks: [{name: lan, type: sriov, nadName: a/b}], highAvailability: {nodeSelector: {}, tolerations: []}"

// TestMachineIsSparse shows what reaches the cluster of a machine: members that
// are empty, where the member itself says something, and no empty field else.
func TestMachineIsSparse(t *testing.T) {
	found := object(t, "{apiVersion: v1, kind: X, metadata: {name: x}, data: {a: c3NoLWVkMjU1MTkgQUFBQQ==}}")
	req := request(t, machine)
	rsp := call(t, req)
	for range 5 {
		rsp = call(t, answered(req, rsp, found))
	}
	req.RequiredResources["kubevirt.io/v1/VirtualMachine/demo/vm"] = &fnv1.Resources{}
	req.RequiredResources["/v1/Secret/demo/vm-cloud-init"] = &fnv1.Resources{}
	rsp = call(t, req)

	want := object(t, `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: vm
  namespace: demo
  labels: &labels {vm.novasphere.dev/wukong: vm}
spec:
  runStrategy: Always
  template:
    metadata: {labels: *labels}
    spec:
      domain:
        cpu: {cores: 2}
        memory: {guest: 4Gi}
        devices:
          disks: [{name: cloud-init, disk: {bus: virtio}}]
          interfaces: [{name: lan, sriov: {}, macAddress: "02:a8:97:e2:57:0b"}]
      networks: [{name: lan, multus: {networkName: a/b}}]
      volumes: [{name: cloud-init, cloudInitNoCloud: {secretRef: {name: vm-cloud-init}}}]
      accessCredentials:
      - sshPublicKey: {source: {secret: {secretName: keys}}, propagationMethod: {noCloud: {}}}
`)
	if diff := cmp.Diff(want, rsp.GetDesired().GetResources()["machine"].GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("machine, -want +got:\n%s\n%v", diff, rsp.GetRequirements())
	}
	want = object(t, `
apiVersion: v1
kind: Secret
metadata: {name: vm-cloud-init, namespace: demo, labels: {vm.novasphere.dev/wukong: vm}}
data: {userdata: I2Nsb3VkLWNvbmZpZwo=}
`)
	if diff := cmp.Diff(want, rsp.GetDesired().GetResources()["cloud-init"].GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("Secret, -want +got:\n%s", diff)
	}
}

// TestMachineObserved reads what KubeVirt has made of a machine.
func TestMachineObserved(t *testing.T) {
	req := request(t, "")
	req.Observed.Resources = map[string]*fnv1.Resource{
		"machine": {Resource: object(t, `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: vm, namespace: demo}
spec: {runStrategy: Always, template: {spec: {domain: {machine: {type: q35}, devices: {}, resources: {}}}}}
status: {printableStatus: Running, ready: true, aFieldOfANewerKubeVirt: 1, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z", lastProbeTime: null}]}
`)},
		"theirs": {Resource: object(t, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: other, namespace: demo}, status: {printableStatus: Stopped}}")},
	}
	rsp := call(t, req)
	rsp = call(t, answered(req, rsp, object(t, "{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: vm}, status: {nodeName: node-1}}")))
	want := object(t, `
apiVersion: vm.novasphere.dev/v1alpha1
kind: Wukong
status: {phase: Running, message: the virtual machine runs, vmName: vm, nodeName: node-1}
`)
	if diff := cmp.Diff(want, rsp.GetDesired().GetComposite().GetResource(), protocmp.Transform()); diff != "" {
		t.Errorf("composite, -want +got:\n%s", diff)
	}
	if got := rsp.GetDesired().GetResources()["machine"].GetReady(); got != fnv1.Ready_READY_TRUE {
		t.Errorf("the machine is %s", got)
	}
}

// TestClaimed composes the cluster-scoped resource behind a claim: what is
// made of it is called as the claim is, and stands beside it.
func TestClaimed(t *testing.T) {
	req := request(t, "")
	req.Observed.Composite.Resource = object(t, `
apiVersion: vm.novasphere.dev/v1alpha1
kind: XWukong
metadata: {name: vm-x7k2p, uid: 0c9e1b9a-5d5c-4a86-8d60-0f2b4a1d7c11, labels: {crossplane.io/claim-name: vm}}
spec:
  cpu: 2
  memory: 4Gi
  disks: [{name: system, size: 20Gi, importSource: {type: http, url: 'http://images.example.com/a'}}]
  claimRef: {apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong, namespace: demo, name: vm}
  compositionRef: {name: wukong}
  compositionRevisionRef: {name: wukong-1}
  compositionSelector: {matchLabels: {a: b}}
  compositionRevisionSelector: {matchLabels: {a: b}}
  compositionUpdatePolicy: Automatic
  resourceRefs: [{apiVersion: v1, kind: Secret, namespace: demo, name: x}]
  writeConnectionSecretToRef: {namespace: demo, name: x}
status: {claimConditionTypes: [VolumesBound]}
`)
	ours := object(t, "{apiVersion: v1, kind: X, metadata: {name: vm-system, namespace: demo, ownerReferences: [{apiVersion: vm.novasphere.dev/v1alpha1, kind: XWukong, name: vm-x7k2p, uid: 0c9e1b9a-5d5c-4a86-8d60-0f2b4a1d7c11, controller: true}]}}")
	rsp := call(t, answered(req, call(t, req), ours))
	made := rsp.GetDesired().GetResources()["disk-system"].GetResource().AsMap()
	if diff := cmp.Diff(map[string]any{
		"name": "vm-system", "namespace": "demo",
		"labels": map[string]any{"vm.novasphere.dev/wukong": "vm", "vm.novasphere.dev/disk": "system"},
	}, made["metadata"]); diff != "" {
		t.Errorf("metadata, -want +got:\n%s", diff)
	}
	if xr := rsp.GetDesired().GetComposite().GetResource().AsMap(); xr["kind"] != "XWukong" {
		t.Errorf("the status is that of a %v", xr["kind"])
	}
	for _, c := range rsp.GetConditions() {
		if c.GetTarget() != fnv1.Target_TARGET_COMPOSITE_AND_CLAIM {
			t.Errorf("condition %s does not reach the claim", c.GetType())
		}
	}
}

// TestEmptyDisk composes a disk whose source has no fields, and is one all the
// same.
func TestEmptyDisk(t *testing.T) {
	req := request(t, "disks: [{name: data, size: 10Gi, retention: Retain}]")
	rsp := call(t, answered(req, call(t, req)))
	want := map[string]any{
		"source": map[string]any{"blank": map[string]any{}}, "retention": "Retain",
		"target": map[string]any{"name": "vm-data", "size": "10Gi", "labels": map[string]any{"vm.novasphere.dev/wukong": "vm", "vm.novasphere.dev/disk": "data"}},
	}
	spec := rsp.GetDesired().GetResources()["disk-data"].GetResource().AsMap()["spec"].(map[string]any)
	if diff := cmp.Diff(want, spec["forProvider"]); diff != "" {
		t.Errorf("spec.forProvider, -want +got:\n%s", diff)
	}
}

func TestUnclaimed(t *testing.T) {
	req := request(t, "")
	req.Observed.Composite.Resource = object(t, "{apiVersion: vm.novasphere.dev/v1alpha1, kind: XWukong, metadata: {name: x}, spec: {cpu: 1, memory: 1Gi}}")
	rsp := call(t, req)
	if len(rsp.GetResults()) != 1 || rsp.GetResults()[0].GetSeverity() != fnv1.Severity_SEVERITY_FATAL {
		t.Fatalf("an XWukong without a claim has no namespace to be in: %v", rsp)
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
		"disk-data": {Resource: object(t, `
apiVersion: disk.wukong.m.novasphere.dev/v1alpha1
kind: DiskImport
metadata: {name: vm-data}
spec: {forProvider: {source: {blank: {}}, target: {name: vm-data, size: 8Ti}}}
status:
  atProvider: {phase: Succeeded, claimName: vm-data}
  conditions: [{type: Ready, status: "True"}, {type: Transferring, status: "False", reason: Complete}]
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
		"NetworksConfigured":     {fnv1.Status_STATUS_CONDITION_TRUE},
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
