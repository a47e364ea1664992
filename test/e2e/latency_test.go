// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLatency prints how long after the mover's end the disk is there: the
// provider watches its jobs, and polls as a fall-back only. The machine decides
// the figure, so nothing is asserted of it.
func TestLatency(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	d := n.diskImport(t, "watched", s.qcow2(t, newDisk(t), "disk.qcow2", "-c").url())
	n.done(t, d)

	ready := d.Status.GetCondition(xpv2.TypeReady).LastTransitionTime
	t.Logf("from the resource to the disk: %s", ready.Sub(d.CreationTimestamp.Time))
	if end := d.Status.AtProvider.CompletionTime; end != nil {
		t.Logf("from the last verified byte to the disk: %s", ready.Sub(end.Time))
	}
	l := &batchv1.JobList{}
	if err := n.List(t.Context(), l, client.InNamespace(n.name)); err != nil {
		t.Fatalf("cannot list jobs: %v", err)
	}
	for _, j := range l.Items {
		if j.Status.CompletionTime != nil {
			t.Logf("from the end of job %s to the disk: %s", j.Name, ready.Sub(j.Status.CompletionTime.Time))
		}
	}
}
