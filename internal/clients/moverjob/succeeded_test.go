// SPDX-License-Identifier: Apache-2.0

package moverjob_test

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestSucceeded(t *testing.T) {
	end := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	later := metav1.NewTime(end.Add(2 * time.Second))
	job := func(kind batchv1.JobConditionType, at *metav1.Time) *batchv1.Job {
		j := &batchv1.Job{Status: batchv1.JobStatus{CompletionTime: at}}
		if kind != "" {
			j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue}}
		}
		return j
	}
	pods := func(s corev1.ContainerState) []corev1.Pod {
		before := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 75, FinishedAt: end}}
		out := []corev1.Pod{{}, {}}
		for i, state := range []corev1.ContainerState{before, s} {
			out[i].Status.ContainerStatuses = []corev1.ContainerStatus{{Name: moverjob.ContainerName, State: state}}
		}
		return out
	}
	ended := func(code int32, at metav1.Time) []corev1.Pod {
		return pods(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: at}})
	}
	good, bad := &transfer.Result{}, &transfer.Result{Reason: transfer.ReasonOutOfSpace}
	cases := map[string]struct {
		reason string
		state  moverjob.State
		want   metav1.Time
		ok     bool
	}{
		"Nothing":  {"Without a Job nothing has succeeded.", moverjob.State{Pods: ended(0, end), Result: good}, metav1.Time{}, false},
		"Running":  {"A container that runs has not.", moverjob.State{Job: job("", nil), Pods: pods(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})}, metav1.Time{}, false},
		"Ended":    {"Its last word counts before the Job's.", moverjob.State{Job: job("", nil), Pods: ended(0, end), Result: good}, end, true},
		"Wordless": {"One that ended without a word has the Job to speak for it.", moverjob.State{Job: job("", nil), Pods: ended(0, end)}, end, false},
		"Timeless": {"So has one of which nobody knows when.", moverjob.State{Job: job("", nil), Pods: ended(0, metav1.Time{}), Result: good}, metav1.Time{}, false},
		"Failed":   {"What failed is tried again.", moverjob.State{Job: job("", nil), Pods: ended(1, end), Result: bad}, metav1.Time{}, false},
		"Complete": {"The Job says when it was.", moverjob.State{Job: job(batchv1.JobComplete, &later), Pods: ended(0, end), Result: good}, later, true},
		"Given up": {"A Job that has failed has failed.", moverjob.State{Job: job(batchv1.JobFailed, nil), Pods: ended(0, end), Result: good}, metav1.Time{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			at, ok := tc.state.Succeeded()
			if ok != tc.ok || !at.Equal(&tc.want) {
				t.Errorf("%s\nSucceeded: want %v %t, got %v %t", tc.reason, tc.want, tc.ok, at, ok)
			}
		})
	}
}
