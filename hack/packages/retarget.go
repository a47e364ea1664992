// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"path"

	xpv1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	metav1 "github.com/crossplane/crossplane/apis/v2/pkg/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// errNoPackage: a dependency of a Configuration names no package.
var errNoPackage = errors.New("cannot retarget a dependency that names no package")

// retarget makes the files under package/, which name packages of the default
// registry, name those that are published beside them: in the dependencies of
// the Configuration, and in the Compositions, which know a function by the name
// that Crossplane gives it. Other documents stay as they are.
func (p place) retarget(document []byte) (string, error) {
	head := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}{}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", err
	}
	switch head.Kind {
	case "Configuration":
		return p.retargetConfiguration(document)
	case xpv1.CompositionKind:
		return p.retargetComposition(document)
	}
	return string(document), nil
}

func (p place) retargetConfiguration(document []byte) (string, error) {
	c := &metav1.Configuration{}
	if err := yaml.UnmarshalStrict(document, c); err != nil {
		return "", err
	}
	for i, d := range c.Spec.DependsOn {
		if d.Package == nil {
			return "", errNoPackage
		}
		image := p.repository(path.Base(*d.Package))
		c.Spec.DependsOn[i].Package = &image
		// A function or provider that is older than the configuration may
		// not know all of its API.
		c.Spec.DependsOn[i].Version = ">=" + p.version
	}
	return marshal(c)
}

func (p place) retargetComposition(document []byte) (string, error) {
	c := &xpv1.Composition{}
	if err := yaml.UnmarshalStrict(document, c); err != nil {
		return "", err
	}
	own, err := place{registry: defaultRegistry}.objectName(functionName)
	if err != nil {
		return "", err
	}
	here, err := p.objectName(functionName)
	if err != nil {
		return "", err
	}
	for i, s := range c.Spec.Pipeline {
		if s.FunctionRef.Name == own {
			c.Spec.Pipeline[i].FunctionRef.Name = here
		}
	}
	return marshal(c)
}

// marshal writes an object without the fields that are not set.
func marshal(o any) (string, error) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return "", err
	}
	if m, ok := u["metadata"].(map[string]any); ok {
		delete(m, "creationTimestamp")
	}
	y, err := yaml.Marshal(u)
	return string(y), err
}
