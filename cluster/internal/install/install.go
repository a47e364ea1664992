// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package install puts into a running node what runs on it: storage classes,
// Crossplane, and CDI.
package install

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/images"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

//go:embed files
var files embed.FS

// patience is how long a step waits for what it asked for.
const patience = 5 * time.Minute

const crossplaneNamespace = "crossplane-system"

// Installer installs into a sandbox.
type Installer struct {
	State   layout.State
	Sandbox *sandbox.Sandbox
	Builder *build.Builder
	Log     io.Writer
}

// Storage installs the storage classes, and snapshots.
func (i *Installer) Storage(ctx context.Context) error {
	client, err := i.Builder.ModuleDir(ctx, "kubernetes", "github.com/kubernetes-csi/external-snapshotter/client/v8")
	if err != nil {
		return err
	}
	if err := i.applyFile(ctx, "storage.yaml"); err != nil {
		return err
	}
	if err := i.kubectl(ctx, nil, "apply", "--server-side", "--kustomize", client+"/config/crd"); err != nil {
		return err
	}
	// A class of a kind that is not Established yet cannot be made.
	if err := i.wait(ctx, "Established", "crd/volumesnapshotclasses.snapshot.storage.k8s.io"); err != nil {
		return err
	}
	return i.applyFile(ctx, "snapshots.yaml")
}

// APIReady waits until the API server answers.
func (i *Installer) APIReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := i.kubectl(ctx, nil, "get", "--raw=/readyz", "--request-timeout=3s")
		if err == nil {
			return nil
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// NodeReady waits for the node.
func (i *Installer) NodeReady(ctx context.Context) error {
	node := "node/" + layout.NodeName
	if err := i.kubectl(ctx, nil, "wait", "--for=create", "--timeout="+patience.String(), node); err != nil {
		return err
	}
	return i.wait(ctx, "Ready", node)
}

// Crossplane installs Crossplane by its own chart, without waiting for it.
func (i *Installer) Crossplane(ctx context.Context, folder string) error {
	if err := i.push(ctx, folder); err != nil {
		return err
	}
	manifest, err := i.crossplaneManifest(ctx)
	if err != nil {
		return err
	}
	if err := i.kubectl(ctx, nil, "create", "namespace", crossplaneNamespace); err != nil {
		return err
	}
	return i.kubectl(ctx, manifest, "apply", "--server-side", "--namespace="+crossplaneNamespace, "--filename=-")
}

// CrossplaneReady waits for Crossplane.
func (i *Installer) CrossplaneReady(ctx context.Context) error {
	return i.wait(ctx, "Available", "--namespace="+crossplaneNamespace, "deployment/crossplane", "deployment/crossplane-rbac-manager")
}

func (i *Installer) crossplaneManifest(ctx context.Context) ([]byte, error) {
	module, err := i.Builder.ModuleDir(ctx, "crossplane", "github.com/crossplane/crossplane/v2")
	if err != nil {
		return nil, err
	}
	chart, err := i.Builder.Path(ctx, "chart")
	if err != nil {
		return nil, err
	}
	values := i.State.Etc("crossplane-values.yaml")
	content, err := files.ReadFile("files/crossplane-values.yaml")
	if err != nil {
		return nil, fmt.Errorf("cannot read values: %w", err)
	}
	if err := os.WriteFile(values, content, 0o644); err != nil {
		return nil, fmt.Errorf("cannot write values: %w", err)
	}
	return output(exec.CommandContext(ctx, chart, "-name=crossplane", "-namespace="+crossplaneNamespace,
		"-values="+values, module+"/cluster/charts/crossplane"))
}

// CDI installs CDI by its operator and waits until it is there.
func (i *Installer) CDI(ctx context.Context, folder string) error {
	if err := i.push(ctx, folder); err != nil {
		return err
	}
	manifest, err := i.cdiManifest(ctx)
	if err != nil {
		return err
	}
	if err := i.kubectl(ctx, manifest, "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	if err := i.wait(ctx, "Established", "crd/cdis.cdi.kubevirt.io"); err != nil {
		return err
	}
	if err := i.applyFile(ctx, "cdi.yaml"); err != nil {
		return err
	}
	if err := i.wait(ctx, "Available", "cdi/cdi"); err != nil {
		return err
	}
	return i.storageProfiles(ctx)
}

func (i *Installer) cdiManifest(ctx context.Context) ([]byte, error) {
	generator, err := i.Builder.Path(ctx, "manifest-generator")
	if err != nil {
		return nil, err
	}
	args := []string{
		"-resource-type=operator", "-resource-group=everything", "-namespace=cdi", "-pull-policy=IfNotPresent",
		"-operator-version=" + images.CDIVersion, "-deploy-cluster-resources=true", "-verbosity=1",
	}
	for _, name := range []string{"operator", "controller", "importer", "cloner", "apiserver", "uploadproxy", "uploadserver"} {
		args = append(args, "-"+name+"-image="+images.CDI("cdi-"+name))
	}
	// Nothing imports from oVirt here, but the operator wants a name.
	args = append(args, "-ovirt-populator-image="+images.CDI("cdi-importer"))
	manifest, err := output(exec.CommandContext(ctx, generator, args...))
	if err != nil {
		return nil, err
	}
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: cdi, labels: {cdi.kubevirt.io: \"\"}}\n---\n"
	return append([]byte(namespace), manifest...), nil
}

// storageProfiles tells CDI what the classes of our driver can do; it knows
// the drivers of the world only.
func (i *Installer) storageProfiles(ctx context.Context) error {
	patch, err := files.ReadFile("files/storageprofile.json")
	if err != nil {
		return fmt.Errorf("cannot read storage profile: %w", err)
	}
	for _, class := range []string{"hostpath", "hostpath-wffc", "longhorn"} {
		profile := "storageprofile/" + class
		if err := i.kubectl(ctx, nil, "wait", "--for=create", "--timeout=60s", profile); err != nil {
			return err
		}
		if err := i.kubectl(ctx, nil, "patch", profile, "--type=merge", "--patch="+string(patch)); err != nil {
			return err
		}
	}
	return nil
}

// push pushes the images of a layout to the cluster's registry.
func (i *Installer) push(ctx context.Context, folder string) error {
	mkimg, err := i.Builder.Path(ctx, "mkimg")
	if err != nil {
		return err
	}
	return i.run(exec.CommandContext(ctx, mkimg, "-from", folder, "-push", layout.Registry))
}

func (i *Installer) applyFile(ctx context.Context, name string) error {
	content, err := files.ReadFile("files/" + name)
	if err != nil {
		return fmt.Errorf("cannot read manifest: %w", err)
	}
	return i.kubectl(ctx, content, "apply", "--server-side", "--filename=-")
}

func (i *Installer) wait(ctx context.Context, condition string, args ...string) error {
	return i.kubectl(ctx, nil, append([]string{
		"wait", "--for=condition=" + condition, "--timeout=" + patience.String(),
	}, args...)...)
}

func (i *Installer) kubectl(ctx context.Context, stdin []byte, args ...string) error {
	kubectl, err := i.Builder.Path(ctx, "kubectl")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig=" + i.State.Kubeconfig("admin")}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	return i.run(cmd)
}

// run runs a command inside the cluster; its error holds what it said.
func (i *Installer) run(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := i.Sandbox.Run(cmd, sandbox.Whole()); err != nil {
		return fmt.Errorf("cannot run %s: %w: %s", strings.Join(cmd.Args[:min(4, len(cmd.Args))], " "), err, said.Bytes())
	}
	return nil
}

// output runs a command outside the cluster and returns what it printed.
func output(cmd *exec.Cmd) ([]byte, error) {
	content, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", cmd.Path, err)
	}
	return content, nil
}
