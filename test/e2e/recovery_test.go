// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestProviderKilled kills the provider in the middle of an import: the import
// goes on without it, and no second one is started.
func TestProviderKilled(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	d := n.diskImport(t, "survives", i.url(), slowly)
	holds(t.Context(), t, n, d, inTheMiddle)
	before := n.onlyJob(t)

	n.killProvider(t)

	n.done(t, d)
	n.equals(t, "survives", i, 64<<20)
	if after := d.Status.AtProvider.Progress.Attempt; after != 1 {
		t.Errorf("the import took %d attempts, want 1: nothing happened to its mover", after)
	}
	// The job may have gone already: its work is done.
	if l := n.jobs(t); len(l) > 1 || len(l) == 1 && l[0].UID != before.UID {
		t.Errorf("there are %d jobs, want at most the one of before", len(l))
	}
}

// killProvider ends the provider's pods without a chance to clean up.
func (n namespace) killProvider(t *testing.T) {
	t.Helper()
	err := n.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace(crossplaneNamespace), providerPods(), client.GracePeriodSeconds(0))
	if err != nil {
		t.Fatalf("cannot kill the provider: %v", err)
	}
}

// TestMoverKilled kills the mover in the middle of an import: another one
// takes over.
func TestMoverKilled(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	d := n.diskImport(t, "recovers", i.url(), slowly)
	holds(t.Context(), t, n, d, inTheMiddle)

	kill9(t, n.onlyMover(t))

	n.done(t, d)
	n.equals(t, "recovers", i, 64<<20)
	if got := d.Status.AtProvider.Progress.Attempt; got < 2 {
		t.Errorf("status says attempt %d, want at least 2", got)
	}
}

// TestNodeLosesMover deletes the mover's pod, as a drained node does.
func TestNodeLosesMover(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	d := n.diskImport(t, "moves", i.url(), slowly)
	holds(t.Context(), t, n, d, inTheMiddle)

	if err := n.Delete(t.Context(), n.onlyMover(t)); err != nil {
		t.Fatalf("cannot delete the mover's pod: %v", err)
	}

	n.done(t, d)
	n.equals(t, "moves", i, 64<<20)
}

// jobs lists the namespace's jobs.
func (n namespace) jobs(t *testing.T) []batchv1.Job {
	t.Helper()
	l := &batchv1.JobList{}
	if err := n.List(t.Context(), l, client.InNamespace(n.name)); err != nil {
		t.Fatalf("cannot list jobs: %v", err)
	}
	return l.Items
}

func (n namespace) onlyJob(t *testing.T) batchv1.Job {
	t.Helper()
	l := n.jobs(t)
	if len(l) != 1 {
		t.Fatalf("there are %d jobs, want 1", len(l))
	}
	return l[0]
}

// onlyMover is the pod of the namespace's only job.
func (n namespace) onlyMover(t *testing.T) *corev1.Pod {
	t.Helper()
	job := n.onlyJob(t)
	l := &corev1.PodList{}
	if err := n.List(t.Context(), l, client.InNamespace(n.name), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		t.Fatalf("cannot list pods: %v", err)
	}
	if len(l.Items) != 1 {
		t.Fatalf("there are %d pods of job %s, want 1", len(l.Items), job.Name)
	}
	return &l.Items[0]
}

// kill9 kills the processes called mover of a pod, as the kernel does when
// memory runs out. The throwaway cluster's node is this machine.
func kill9(t *testing.T, p *corev1.Pod) {
	t.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatalf("cannot list processes: %v", err)
	}
	killed := 0
	for _, g := range groups {
		folder := filepath.Dir(g)
		group, err := os.ReadFile(g)
		name, err2 := os.ReadFile(filepath.Join(folder, "comm"))
		if errors.Join(err, err2) != nil || !strings.Contains(string(group), "pod"+string(p.UID)) || strings.TrimSpace(string(name)) != "mover" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			t.Fatalf("cannot read process ID: %v", err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("cannot kill the mover: %v", err)
		}
		killed++
	}
	if killed != 1 {
		t.Fatalf("killed %d movers of pod %s, want 1", killed, p.Name)
	}
}

// TestClaimDeleted deletes the claim of a finished import: the import begins
// again.
func TestClaimDeleted(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	d := n.diskImport(t, "again", i.url())
	n.done(t, d)
	first := n.claim("again")
	holds(t.Context(), t, n, first, isBound)

	n.remove(t.Context(), t, n.claim("again"))

	holds(t.Context(), t, n, n.claim("again"), func(c *corev1.PersistentVolumeClaim) error {
		if c.UID == first.UID {
			return errors.New("it is the claim of before")
		}
		return isBound(c)
	})
	n.done(t, d)
	n.equals(t, "again", i, diskSize)
}
