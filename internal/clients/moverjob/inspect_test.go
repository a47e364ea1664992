// SPDX-License-Identifier: Apache-2.0

package moverjob_test

import (
	"context"
	"errors"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// logs are those of pods by their names.
type logs map[string]string

func (l logs) Log(_ context.Context, _, pod string) ([]byte, error) {
	if s, ok := l[pod]; ok {
		return []byte(s), nil
	}
	return nil, errors.New("the node does not answer")
}

func meta(name string, age int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "vms", Name: name, Labels: map[string]string{batchv1.JobNameLabel: "mover"},
		CreationTimestamp: metav1.NewTime(time.Unix(int64(1000+age), 0)),
	}
}

// pod is the mover's nth, whose container runs, or ended with a message.
func pod(name string, age int, ended bool, message string) *corev1.Pod {
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	if ended {
		state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}}
	}
	return &corev1.Pod{ObjectMeta: meta(name, age), Status: corev1.PodStatus{
		ContainerStatuses: []corev1.ContainerStatus{{Name: moverjob.ContainerName, State: state}},
	}}
}

func pending(name string, age int) *corev1.Pod { return &corev1.Pod{ObjectMeta: meta(name, age)} }

// TestInspectResume finds what the newest attempt has told, wherever that is.
func TestInspectResume(t *testing.T) {
	const (
		first  = `{"type":"progress","resume":"old"}` + "\n" + `{"type":"progress","resume":"first"}` + "\n"
		second = `{"type":"progress","resume":"second"}` + "\n"
		result = `{"type":"result","reason":"Interrupted","resume":"last words"}`
	)
	cases := map[string]struct {
		reason string
		pods   []client.Object
		logs   logs
		job    batchv1.JobConditionType
		want   string
	}{
		"Running":   {"a mover that runs tells it in its log", []client.Object{pod("a", 1, false, "")}, logs{"a": first}, "", "first"},
		"Killed":    {"one that was killed has left its log", []client.Object{pod("a", 1, true, "")}, logs{"a": first}, "", "first"},
		"Replaced":  {"also while the next one is not started", []client.Object{pod("a", 1, true, ""), pending("b", 2)}, logs{"a": first}, "", "first"},
		"Evicted":   {"one that could end has left its result", []client.Object{pod("a", 1, true, result), pending("b", 2)}, logs{"a": first}, "", "last words"},
		"Second":    {"the newest counts", []client.Object{pod("a", 1, true, ""), pod("b", 2, false, "")}, logs{"a": first, "b": second}, "", "second"},
		"NodeLost":  {"nothing is known of a node that does not answer", []client.Object{pod("a", 1, true, "")}, nil, "", ""},
		"Nothing":   {"it has told nothing", []client.Object{pod("a", 1, true, `{"type":"result","reason":"Unknown"}`)}, logs{"a": first}, "", ""},
		"JobFailed": {"nobody goes on", []client.Object{pod("a", 1, true, "")}, logs{"a": first}, batchv1.JobFailed, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			job := &batchv1.Job{ObjectMeta: meta("mover", 0)}
			if tc.job != "" {
				job.Status.Conditions = []batchv1.JobCondition{{Type: tc.job, Status: corev1.ConditionTrue}}
			}
			secret := &corev1.Secret{ObjectMeta: meta("mover", 0), Data: map[string][]byte{transfer.FileResumeKey: []byte("key")}}
			s := runtime.NewScheme()
			if err := clientgoscheme.AddToScheme(s); err != nil {
				t.Fatal(err)
			}
			byUID := func(client.Object) []string { return nil }
			kube := fake.NewClientBuilder().WithScheme(s).WithObjects(append(tc.pods, job, secret)...).
				WithIndex(&corev1.Event{}, "involvedObject.uid", byUID).WithIndex(&corev1.Event{}, "type", byUID).Build()
			state, err := moverjob.New(kube, tc.logs).Inspect(t.Context(), client.ObjectKeyFromObject(job))
			if err != nil {
				t.Fatal(err)
			}
			if state.Resume != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, state.Resume, tc.want)
			}
		})
	}
}
