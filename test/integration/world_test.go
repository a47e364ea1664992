// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// nodes plays what a cluster without nodes does not have: a provisioner, which
// makes and reclaims volumes, and a kubelet, whose movers end as they are told.
type nodes struct {
	mu      sync.Mutex
	results map[string]transfer.Result // By the start of the pod's name.
	hold    map[string]bool            // Pods that run until they are let go.
	told    map[string]cdiv1.DataVolumeStatus
}

func newNodes() *nodes {
	return &nodes{results: map[string]transfer.Result{}, hold: map[string]bool{}, told: map[string]cdiv1.DataVolumeStatus{}}
}

// will sets how the movers of a DiskImport end; by default they succeed.
func (n *nodes) will(name string, r transfer.Result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.results[name] = r
}

// keep makes the movers of a DiskImport run on, or lets them go.
func (n *nodes) keep(name string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hold[name] = on
}

func (n *nodes) run(ctx context.Context) {
	for {
		// What fails is tried again in a moment, as controllers do.
		_ = n.provision(ctx)
		_ = n.reclaim(ctx)
		_ = n.pods(ctx)
		_ = n.snapshots(ctx)
		_ = n.dataVolumes(ctx)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// provision makes a volume for every claim that waits for one.
func (n *nodes) provision(ctx context.Context) error {
	l := &corev1.PersistentVolumeClaimList{}
	if err := kube.client.List(ctx, l); err != nil {
		return err
	}
	for _, p := range l.Items {
		if p.Status.Phase != corev1.ClaimPending || p.Spec.VolumeName != "" || p.DeletionTimestamp != nil || *p.Spec.StorageClassName != class {
			continue
		}
		// The name of the volume holds the claim's, so that plans find it.
		err := kube.client.Create(ctx, &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: p.Name + "." + p.Namespace},
			Spec: corev1.PersistentVolumeSpec{
				AccessModes:                   p.Spec.AccessModes,
				Capacity:                      p.Spec.Resources.Requests,
				PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
				StorageClassName:              class,
				VolumeMode:                    p.Spec.VolumeMode,
				ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
				PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "integration.test", VolumeHandle: string(p.UID)}},
			},
		})
		if client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	return nil
}

// reclaim deletes volumes that are released, as their policy says.
func (n *nodes) reclaim(ctx context.Context) error {
	l := &corev1.PersistentVolumeList{}
	if err := kube.client.List(ctx, l); err != nil {
		return err
	}
	for _, v := range l.Items {
		if v.Status.Phase == corev1.VolumeReleased && v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
			if err := client.IgnoreNotFound(kube.client.Delete(ctx, &v)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pods runs pods whose claim is bound, and ends them.
func (n *nodes) pods(ctx context.Context) error {
	l := &corev1.PodList{}
	if err := kube.client.List(ctx, l); err != nil {
		return err
	}
	for i := range l.Items {
		p := &l.Items[i]
		switch {
		case p.DeletionTimestamp != nil && p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodSucceeded:
			n.status(ctx, p, corev1.PodFailed, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 143, FinishedAt: metav1.Now(), Reason: "Error"}})
		case p.DeletionTimestamp != nil:
			_ = kube.client.Delete(ctx, p, client.GracePeriodSeconds(0))
		case p.Status.Phase == corev1.PodPending && n.bound(ctx, p):
			n.status(ctx, p, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
		case p.Status.Phase == corev1.PodRunning:
			n.end(ctx, p)
		}
	}
	return nil
}

// bound reports whether a pod waits for no claim.
func (n *nodes) bound(ctx context.Context, p *corev1.Pod) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		c := &corev1.PersistentVolumeClaim{}
		err := kube.client.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, c)
		if err != nil || c.Status.Phase != corev1.ClaimBound {
			return false
		}
	}
	return true
}

// runsFor reports whether a pod is a mover of a resource; with "/remove" behind
// its name, the one that removes.
func runsFor(p *corev1.Pod, name string) bool {
	name, removes := strings.CutSuffix(name, "/remove")
	return strings.HasPrefix(p.Name, name+"-") && strings.Contains(p.Name, "-remove-") == removes
}

func (n *nodes) end(ctx context.Context, p *corev1.Pod) {
	n.mu.Lock()
	r := transfer.Result{
		Type: transfer.LineResult, Seconds: 2, Attempts: 1, FetchedBytes: 100, WrittenBytes: 200,
		Source: transfer.SourceFacts{Digest: "sha256:feed", Format: transfer.FormatQCOW2, Size: 100, VirtualSize: 1 << 20},
		Artifact: transfer.ArtifactFacts{
			URI: "s3://backups/vm.qcow2", Format: transfer.ArtifactQCOW2, Digest: "sha256:beef", Size: 42, ContentDigest: "fsverity:sha256:cafe", Validator: "tag",
		},
	}
	held := false
	for name, on := range n.hold {
		held = held || on && runsFor(p, name)
	}
	for name, other := range n.results {
		if runsFor(p, name) {
			r = other
		}
	}
	n.mu.Unlock()
	if held {
		return
	}
	b, _ := json.Marshal(r)
	phase := corev1.PodSucceeded
	if !r.Succeeded() {
		phase = corev1.PodFailed
	}
	n.status(ctx, p, phase, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: int32(r.ExitCode()), Message: string(b), FinishedAt: metav1.Now(), Reason: "Completed",
	}})
}

func (n *nodes) status(ctx context.Context, p *corev1.Pod, phase corev1.PodPhase, s corev1.ContainerState) {
	p.Status.Phase = phase
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "mover", Image: moverImage, State: s}}
	_ = kube.client.Status().Update(ctx, p)
}
