// SPDX-License-Identifier: Apache-2.0

// Package machine finds the claims behind the disks of KubeVirt's virtual
// machines.
package machine

import (
	"context"
	"fmt"
	"strings"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
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

// Claim returns the name of the claim behind a disk of a virtual machine. A
// disk that has none gives a Problem.
func Claim(ctx context.Context, r client.Reader, key types.NamespacedName, disk string) (string, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachine"})
	switch err := r.Get(ctx, key, u); {
	case meta.IsNoMatchError(err):
		return "", problem(LackKubeVirt, "The cluster has no KubeVirt: name the disk's claim in source.pvc instead of source.virtualMachine.")
	case kerrors.IsNotFound(err):
		return "", problem(LackMachine, "VirtualMachine %q does not exist in namespace %q: correct source.virtualMachine.name.", key.Name, key.Namespace)
	case err != nil:
		return "", errors.Wrapf(err, "cannot get VirtualMachine %q", key.Name)
	}
	return claim(u, disk)
}

// claim finds the claim in a machine's spec.
func claim(u *unstructured.Unstructured, disk string) (string, error) {
	typed := struct {
		Spec struct {
			Template struct {
				Spec struct {
					Volumes []struct {
						Name  string `json:"name"`
						Claim struct {
							ClaimName string `json:"claimName"`
						} `json:"persistentVolumeClaim"`
						DataVolume struct {
							Name string `json:"name"`
						} `json:"dataVolume"`
					} `json:"volumes"`
				} `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &typed); err != nil {
		return "", errors.Wrapf(err, "cannot read VirtualMachine %q", u.GetName())
	}
	var names []string
	for _, v := range typed.Spec.Template.Spec.Volumes {
		name := v.Claim.ClaimName
		if name == "" {
			name = v.DataVolume.Name // The claim of a DataVolume has its name.
		}
		if v.Name != disk {
			if name != "" {
				names = append(names, v.Name)
			}
			continue
		}
		if name == "" {
			return "", problem(LackDisk, "Disk %q of VirtualMachine %q is not on a claim, so there is nothing of it to export.", disk, u.GetName())
		}
		return name, nil
	}
	if len(names) == 0 {
		return "", problem(LackDisk, "VirtualMachine %q has no disk on a claim.", u.GetName())
	}
	return "", problem(LackDisk, "VirtualMachine %q has no disk %q: write one of %s in source.virtualMachine.disk.", u.GetName(), disk, strings.Join(names, ", "))
}
