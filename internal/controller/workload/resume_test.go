// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestResume checks that a mover gets the files, and the next attempt what was
// told, with nothing else changed.
func TestResume(t *testing.T) {
	m := Mover{Meta: metav1.ObjectMeta{Name: "a"}, Resume: NewResume()}
	run, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	doc := transfer.Job{}
	if err := json.Unmarshal(run.Secret.Data[KeyJob], &doc); err != nil {
		t.Fatal(err)
	}
	pod := run.Job.Spec.Template.Spec
	i := slices.IndexFunc(pod.Containers[0].VolumeMounts, func(v corev1.VolumeMount) bool { return v.MountPath == doc.ResumeDir && v.ReadOnly })
	if doc.ResumeDir == "" || i < 0 {
		t.Fatalf("%q is not mounted: %+v", doc.ResumeDir, pod.Containers[0].VolumeMounts)
	}
	state := moverjob.State{Job: run.Job, Secret: run.Secret}
	for _, told := range []string{"", "told", "told later", ""} {
		before := string(state.Secret.Data[transfer.FileResumeState])
		again, err := Retuned(state, Tuning{Resume: told})
		if err != nil {
			t.Fatal(err)
		}
		want := told
		if told == "" {
			want = before
		}
		if got := ReadResume(again.Secret); string(got.State) != want || !bytes.Equal(got.Key, m.Resume.Key) {
			t.Errorf("told %q after %q: the next attempt gets %q", told, before, got.State)
		}
		state.Secret = again.Secret
	}
	other := NewResume()
	if bytes.Equal(other.Key, m.Resume.Key) {
		t.Error("two movers have one key")
	}
	plain, err := Mover{Meta: metav1.ObjectMeta{Name: "a"}}.Run()
	if err != nil {
		t.Fatal(err)
	}
	if r := ReadResume(plain.Secret); !r.None() || len(plain.Job.Spec.Template.Spec.Volumes) != 1 {
		t.Errorf("a mover whose attempts tell nothing has %+v", plain.Job.Spec.Template.Spec.Volumes)
	}
	if !ReadResume(nil).None() {
		t.Error("no Secret has a key")
	}
}
