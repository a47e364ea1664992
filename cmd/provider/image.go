// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/version"
)

// moverName is the name of the mover's image, which is published beside the
// provider's.
const moverName = "mover-wukong"

// moverImage returns the mover's image: what the flag says, or the one that is
// published beside the image that the provider's own pod runs. So movers come
// from wherever the package came from, a mirror or a private registry too.
func moverImage(ctx context.Context, r client.Reader, o *options) (string, error) {
	if *o.moverImage != "" {
		return *o.moverImage, nil
	}
	if *o.namespace == "" {
		return "", errors.New("cannot find the provider's own pod: POD_NAMESPACE is not set")
	}
	name := *o.pod
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", errors.Wrap(err, "cannot find the provider's own pod")
		}
		name = host
	}
	p := &corev1.Pod{}
	if err := r.Get(ctx, types.NamespacedName{Namespace: *o.namespace, Name: name}, p); err != nil {
		return "", errors.Wrapf(err, "cannot get the provider's own pod %q", name)
	}
	return moverImageBeside(ownImage(p), version.Version), nil
}

// ownImage is the image of the provider's container, which Crossplane calls
// package-runtime.
func ownImage(p *corev1.Pod) string {
	for _, c := range p.Spec.Containers {
		if c.Name == "package-runtime" {
			return c.Image
		}
	}
	return p.Spec.Containers[0].Image
}

// moverImageBeside returns the mover's image of the given version, in the
// registry of the provider's own image.
func moverImageBeside(own, version string) string {
	repository, _, _ := strings.Cut(own, "@")
	// A colon behind the last slash begins a tag; one before it, a port.
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	folder := repository[:strings.LastIndexByte(repository, '/')+1]
	return folder + moverName + ":" + version
}
