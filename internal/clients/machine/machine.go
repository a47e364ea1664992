// SPDX-License-Identifier: Apache-2.0

// Package machine finds the claims behind the disks of KubeVirt's virtual
// machines.
package machine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

const (
	kindMachine  = "VirtualMachine"
	kindInstance = "VirtualMachineInstance"
)

// A Lack is what is not there that would lead to a disk's claim.
type Lack string

// What may lack.
const (
	LackKubeVirt Lack = "KubeVirt"
	LackMachine  Lack = "VirtualMachine"
	LackDisk     Lack = "Disk"
)

// A Problem is a disk that does not lead to a claim.
type Problem struct {
	Lack Lack

	// Message says what to do, in a sentence.
	Message string
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

func problem(l Lack, format string, args ...any) error {
	return &Problem{Lack: l, Message: fmt.Sprintf(format, args...)}
}

// Claim returns the name of the claim behind a disk of a virtual machine, or of
// its running instance where the disk was plugged in there alone. A disk that
// has none gives a Problem.
func Claim(ctx context.Context, r client.Reader, key types.NamespacedName, disk string) (string, error) {
	vm := object(kindMachine)
	switch err := r.Get(ctx, key, vm); {
	case meta.IsNoMatchError(err):
		return "", problem(LackKubeVirt, "The cluster has no KubeVirt: name the disk's claim in source.pvc instead of source.virtualMachine.")
	case kerrors.IsNotFound(err):
		return "", problem(LackMachine, "VirtualMachine %q does not exist in namespace %q: correct source.virtualMachine.name.", key.Name, key.Namespace)
	case err != nil:
		return "", errors.Wrapf(err, "cannot get VirtualMachine %q", key.Name)
	}
	of := volumes(vm, "spec", "template", "spec", "volumes")
	if i := slices.IndexFunc(of, named(disk)); i >= 0 {
		return claim(key.Name, of[i], of)
	}
	plugged, err := pluggedIn(ctx, r, key)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(plugged, named(disk)); i >= 0 {
		return claim(key.Name, plugged[i], plugged)
	}
	return "", unknown(vm, disk, append(of, plugged...))
}

// pluggedIn are the volumes of a machine's instance, if it runs: those of the
// machine, and others that were plugged into the instance.
func pluggedIn(ctx context.Context, r client.Reader, key types.NamespacedName) ([]volume, error) {
	vmi := object(kindInstance)
	err := r.Get(ctx, key, vmi)
	if kerrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	return volumes(vmi, "spec", "volumes"), errors.Wrapf(err, "cannot get VirtualMachineInstance %q", key.Name)
}

// claim finds the claim behind a volume; of are all of its machine's.
func claim(vm string, v volume, of []volume) (string, error) {
	if v.claim != "" {
		return v.claim, nil
	}
	return "", problem(LackDisk, "Disk %q of VirtualMachine %q is of kind %s, which is not on a claim, so there is nothing of it to export%s.", v.name, vm, v.kind, instead(of))
}

// unknown is the problem of a disk without a volume.
func unknown(vm *unstructured.Unstructured, disk string, of []volume) error {
	devices, _, _ := unstructured.NestedSlice(vm.Object, "spec", "template", "spec", "domain", "devices", "disks")
	if slices.ContainsFunc(devices, func(d any) bool { return text(d, "name") == disk }) {
		return problem(LackDisk, "Disk %q of VirtualMachine %q has no volume: give it one of that name in spec.template.spec.volumes%s.", disk, vm.GetName(), instead(of))
	}
	return problem(LackDisk, "VirtualMachine %q has no disk %q%s.", vm.GetName(), disk, instead(of))
}

// instead names the disks that could be exported.
func instead(of []volume) string {
	var names []string
	for _, v := range of {
		if v.claim != "" {
			names = append(names, v.name)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return ", and it has no other on a claim"
	}
	return ": write one of " + strings.Join(names, ", ") + " in source.virtualMachine.disk"
}

// A volume is one of a machine's.
type volume struct {
	name string

	// kind is the member of the volume that says what it is.
	kind string

	// claim that it is on, or "".
	claim string
}

func named(name string) func(volume) bool {
	return func(v volume) bool { return v.name == name }
}

// volumes reads a list of volumes. What is no list has none.
func volumes(u *unstructured.Unstructured, path ...string) []volume {
	list, _, _ := unstructured.NestedSlice(u.Object, path...)
	var out []volume
	for _, e := range list {
		members, _ := e.(map[string]any)
		v := volume{name: text(e, "name")}
		for kind, member := range members {
			switch kind {
			case "name":
				continue
			case "persistentVolumeClaim":
				v.claim = text(member, "claimName")
			case "dataVolume":
				v.claim = text(member, "name") // The claim of a DataVolume has its name.
			}
			v.kind = kind
		}
		out = append(out, v)
	}
	return out
}

// text is a string member of an object.
func text(o any, member string) string {
	m, _ := o.(map[string]any)
	s, _ := m[member].(string)
	return s
}

func object(kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: kind})
	return u
}
