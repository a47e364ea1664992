// SPDX-License-Identifier: Apache-2.0

//go:build linux

package install

import (
	"errors"
	"strings"
	"testing"
)

func TestHumble(t *testing.T) {
	const others = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: kubevirt\n"
	const operator = `apiVersion: apps/v1
kind: Deployment
metadata: {name: virt-operator}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: virt-operator
        livenessProbe: {periodSeconds: 10}
        readinessProbe: {periodSeconds: 10}
        resources: {requests: {cpu: 10m, memory: 450Mi}}
`
	got, err := humble([]byte(others + "\n---\n" + operator + "\n---\n" + others))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"replicas: 1\n", "cpu: 100m\n", "memory: 450Mi\n", "readinessProbe:"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "livenessProbe") || strings.Count(string(got), others) != 2 {
		t.Errorf("want no liveness probe, and all else as it was:\n%s", got)
	}
	if _, err := humble([]byte(others)); !errors.Is(err, errNoOperator) {
		t.Errorf("without an operator, want %v, got %v", errNoOperator, err)
	}
}
