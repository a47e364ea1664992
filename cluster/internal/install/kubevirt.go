// SPDX-License-Identifier: Apache-2.0

//go:build linux

package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/novasphere/provider-wukong/cluster/internal/images"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

const kubevirtNamespace = "kubevirt"

var errNoOperator = errors.New("cannot find KubeVirt's operator in its manifest")

// KubeVirt installs KubeVirt's control plane by its operator, and the kind of
// networks that machines refer to, and waits until they are there.
func (i *Installer) KubeVirt(ctx context.Context, folder string) error {
	if err := i.push(ctx, folder); err != nil {
		return err
	}
	manifest, err := i.kubevirtManifest(ctx)
	if err != nil {
		return err
	}
	// KubeVirt's own pods want to be where the control plane is, and are.
	if err := i.kubectl(ctx, nil, "label", "--overwrite", "node", layout.NodeName, "node-role.kubernetes.io/control-plane="); err != nil {
		return err
	}
	if err := i.kubectl(ctx, manifest, "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	if err := i.wait(ctx, "Established", "crd/kubevirts.kubevirt.io"); err != nil {
		return err
	}
	if err := i.applyFile(ctx, "kubevirt.yaml"); err != nil {
		return err
	}
	networks, err := i.Builder.ModuleDir(ctx, "kubevirt", "github.com/k8snetworkplumbingwg/network-attachment-definition-client")
	if err != nil {
		return err
	}
	if err := i.kubectl(ctx, nil, "apply", "--server-side", "--filename="+networks+"/artifacts/networks-crd.yaml"); err != nil {
		return err
	}
	return i.wait(ctx, "Available", "--namespace="+kubevirtNamespace, "kubevirt/kubevirt")
}

// kubevirtManifest is what KubeVirt's own generator makes of its template of a
// release: in two runs, as what the first one includes is a template again.
func (i *Installer) kubevirtManifest(ctx context.Context) ([]byte, error) {
	generator, err := i.Builder.Path(ctx, "manifest-templator")
	if err != nil {
		return nil, err
	}
	module, err := i.Builder.ModuleDir(ctx, "kubevirt", "kubevirt.io/kubevirt")
	if err != nil {
		return nil, err
	}
	whole, err := output(exec.CommandContext(ctx, generator, "--process-files",
		"--generated-manifests-dir="+module+"/manifests/generated", "--input-file="+module+"/manifests/release/kubevirt-operator.yaml.in"))
	if err != nil {
		return nil, err
	}
	template := i.State.Etc("kubevirt-operator.yaml.in")
	if err := os.WriteFile(template, whole, 0o644); err != nil {
		return nil, fmt.Errorf("cannot write template: %w", err)
	}
	manifest, err := output(exec.CommandContext(ctx, generator, "--process-vars", "--namespace="+kubevirtNamespace,
		"--container-prefix="+images.KubeVirtRegistry, "--container-tag="+images.KubeVirtVersion,
		"--image-pull-policy=IfNotPresent", "--kubevirt-logo-path="+module+"/assets/kubevirt_logo.png", "--input-file="+template))
	if err != nil {
		return nil, err
	}
	return humble(manifest)
}

// humble makes one of the operator, not two, with some processor time of its
// own: it computes for seconds before it answers, and would be ended for that.
func humble(manifest []byte) ([]byte, error) {
	documents := bytes.Split(manifest, []byte("\n---\n"))
	for i, text := range documents {
		d := &appsv1.Deployment{}
		if err := yaml.Unmarshal(text, d); err != nil {
			return nil, fmt.Errorf("cannot read manifest of KubeVirt: %w", err)
		}
		if d.Kind != "Deployment" || len(d.Spec.Template.Spec.Containers) != 1 {
			continue
		}
		one, operator := int32(1), &d.Spec.Template.Spec.Containers[0]
		d.Spec.Replicas, operator.LivenessProbe = &one, nil
		operator.Resources.Requests[corev1.ResourceCPU] = resource.MustParse("100m")
		changed, err := yaml.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("cannot write manifest of KubeVirt: %w", err)
		}
		documents[i] = changed
		return bytes.Join(documents, []byte("\n---\n")), nil
	}
	return nil, errNoOperator
}
