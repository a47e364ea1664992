// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

func TestDecide(t *testing.T) {
	const offline, snap = v1alpha1.ConsistencyOffline, v1alpha1.ConsistencySnapshot
	stamp := workload.Fingerprint{Request: "r", Environment: "e", Credentials: "c", Trigger: "t"}
	other := func(edit func(*workload.Fingerprint)) *workload.Fingerprint {
		f := stamp
		edit(&f)
		return &f
	}
	request := other(func(f *workload.Fingerprint) { f.Request = "x" })
	credentials := other(func(f *workload.Fingerprint) { f.Credentials = "x" })
	trigger := other(func(f *workload.Fingerprint) { f.Trigger = "x" })
	image := other(func(f *workload.Fingerprint) { f.Environment = "x" })

	secret := secretWith(t, stamp)
	pods := []corev1.Pod{podWith(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})}
	running := func(c v1alpha1.Consistency) moverjob.State {
		return moverjob.State{Job: jobWith(c), Secret: secret, Pods: pods}
	}
	ended := func(c v1alpha1.Consistency, how batchv1.JobConditionType) moverjob.State {
		s := moverjob.State{Job: jobWith(c, is(how)), Secret: secret}
		s.Job.Status.CompletionTime = &metav1.Time{Time: now()}
		return s
	}
	deleting := running(offline)
	deleting.Job = deleting.Job.DeepCopy()
	deleting.Job.DeletionTimestamp = &metav1.Time{Time: now()}
	both := snapshot.State{Snapshot: taken(), Claim: restored()}
	nothing := ended(offline, batchv1.JobFailed)
	nothing.Pods = []corev1.Pod{podWith(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 11, Message: `{"type":"result","reason":"SourceNotFound","message":"cannot open /disk/disk.img: no such file"}`,
	}})}
	shaken := func(c v1alpha1.Consistency) moverjob.State {
		m := ended(c, batchv1.JobFailed)
		m.Pods = []corev1.Pod{podWith(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 16, Message: `{"type":"result","reason":"SourceChanged","message":"cannot go on reading /disk/disk.img: it changed meanwhile"}`,
		}})}
		return m
	}
	idle, used := origin.Plan{Consistency: offline}, origin.Plan{Consistency: snap}
	inUse := origin.Plan{Problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse}}
	late := disk(written)
	late.Usage.Writers[0].Since = now().Add(time.Minute)
	since := func(began time.Duration) origin.Disk {
		d := disk(written)
		d.Usage.Writers[0].Began = now().Add(began)
		return d
	}

	cases := map[string]struct {
		reason string
		view   view
		want   action
	}{
		"Begin":             {"An idle volume is read at once.", view{origin: disk(), plan: origin.Plan{Consistency: offline}, want: &stamp}, actionStart},
		"Problem":           {"Nothing begins while something is in the way.", view{origin: disk(), plan: origin.Plan{Consistency: offline, Problem: &diagnosis.Finding{}}, want: &stamp}, actionWait},
		"Unknown":           {"Nothing begins while a Secret is missing.", view{origin: disk(), plan: origin.Plan{Consistency: offline}}, actionWait},
		"Snapshot":          {"A volume in use is snapshotted first.", view{origin: disk(written), plan: origin.Plan{Consistency: snap}, want: &stamp}, actionSnapshot},
		"SnapshotPending":   {"A snapshot takes time.", view{origin: disk(written), plan: origin.Plan{Consistency: snap}, copy: snapshot.State{Snapshot: &snapshot.Snapshot{Claim: "disk"}}, want: &stamp}, actionWait},
		"SnapshotReady":     {"Then it is read.", view{origin: disk(written), plan: origin.Plan{Consistency: snap}, copy: snapshot.State{Snapshot: taken()}, want: &stamp}, actionStart},
		"SnapshotOfOther":   {"A snapshot of another disk is of no use.", view{origin: disk(written), plan: origin.Plan{Consistency: snap}, copy: snapshot.State{Snapshot: &snapshot.Snapshot{Claim: "x", Ready: true}}, want: &stamp}, actionDiscard},
		"RestoredAlone":     {"A claim restored from a snapshot that is gone is of another moment.", view{origin: disk(written), plan: origin.Plan{Consistency: snap}, copy: snapshot.State{Claim: restored()}, want: &stamp}, actionDiscard},
		"LeftOver":          {"What is left of another run goes first.", view{origin: disk(), plan: origin.Plan{Consistency: offline}, copy: both, want: &stamp}, actionDiscard},
		"LeftOverGoing":     {"And is waited for.", view{origin: disk(), plan: origin.Plan{Consistency: offline}, copy: snapshot.State{Snapshot: &snapshot.Snapshot{Deleting: true}}, want: &stamp}, actionWait},
		"Running":           {"A mover that runs is left alone.", view{origin: disk(), mover: running(offline), want: &stamp, tuned: true}, actionWait},
		"Untuned":           {"Limits and credentials change in place.", view{origin: disk(), mover: running(offline), want: credentials}, actionTune},
		"OtherRequest":      {"Another request begins anew.", view{origin: disk(), mover: running(offline), want: request, tuned: true}, actionRestart},
		"OtherTrigger":      {"A run that goes on is ended first.", view{origin: disk(), mover: running(offline), want: trigger, tuned: true}, actionWait},
		"OtherImage":        {"A mover that runs ends with its image.", view{origin: disk(), mover: running(offline), want: image, tuned: true}, actionWait},
		"OtherImageWaiting": {"A mover that cannot start gets the new one.", view{origin: disk(), mover: moverjob.State{Job: jobWith(offline), Secret: secret}, want: image, tuned: true}, actionRestart},
		"Torn":              {"A disk that changes while it is read is read anew.", view{origin: disk(written), mover: running(offline), want: &stamp, tuned: true}, actionRestart},
		"NotTorn":           {"A snapshot does not change.", view{origin: disk(written), mover: running(snap), copy: both, want: &stamp, tuned: true}, actionWait},
		"RestoredGone":      {"A mover without its claim is replaced.", view{origin: disk(written), mover: running(snap), want: &stamp, tuned: true}, actionRestart},
		"Deleting":          {"A Job that somebody deletes begins anew.", view{origin: disk(), mover: deleting, want: &stamp, tuned: true}, actionRestart},
		"Succeeded":         {"The status says so before anything goes.", view{origin: disk(), mover: ended(offline, batchv1.JobComplete), want: &stamp}, actionWait},
		"SucceededTorn":     {"A pod that came before the end voids a run.", view{origin: disk(written), mover: ended(offline, batchv1.JobComplete), want: &stamp}, actionRestart},
		"SucceededLate":     {"One that came afterwards does not.", view{origin: late, mover: ended(offline, batchv1.JobComplete), want: &stamp}, actionWait},
		"Completed":         {"Then everything goes.", view{origin: disk(), mover: ended(snap, batchv1.JobComplete), copy: both, completed: true}, actionTidy},
		"FailedWithCopy":    {"Storage of a failed run is given back.", view{origin: disk(), mover: ended(snap, batchv1.JobFailed), copy: both, want: &stamp}, actionDiscard},
		"Failed":            {"The Job stays to be read.", view{origin: disk(), mover: ended(snap, batchv1.JobFailed), want: &stamp}, actionWait},
		"FailedCredentials": {"Other credentials are worth another try.", view{origin: disk(), mover: ended(offline, batchv1.JobFailed), want: credentials}, actionRestart},
		"FailedTrigger":     {"So is another trigger.", view{origin: disk(), mover: ended(offline, batchv1.JobFailed), want: trigger}, actionRestart},
		"FailedTorn":        {"A mover that saw the disk change before anybody saw the pod begins anew.", view{origin: disk(written), plan: used, mover: shaken(offline), want: &stamp}, actionRestart},
		"FailedTornGone":    {"So does one whose pod has ended since.", view{origin: disk(), plan: idle, mover: shaken(offline), want: &stamp, torn: mostTorn - 2}, actionRestart},
		"FailedTornOften":   {"But not for ever.", view{origin: disk(), plan: idle, mover: shaken(offline), want: &stamp, torn: mostTorn - 1}, actionWait},
		"FailedTornOther":   {"A run that reads otherwise ends it.", view{origin: disk(written), plan: used, mover: shaken(offline), want: &stamp, torn: mostTorn}, actionRestart},
		"FailedTornInUse":   {"One that waits does so without a Job.", view{origin: disk(written), plan: inUse, mover: shaken(offline), want: &stamp, torn: mostTorn}, actionRestart},
		"FailedTornCopy":    {"A snapshot that changes is damaged.", view{origin: disk(written), plan: used, mover: shaken(snap), want: &stamp}, actionWait},
		"Empty":             {"A volume without a disk waits for one.", view{origin: disk(), mover: nothing, want: &stamp}, actionWait},
		"EmptyFills":        {"It may have one when a pod begins to use it.", view{origin: since(time.Minute), mover: nothing, want: &stamp}, actionRestart},
		"EmptyTooEarly":     {"So it may when the pod had begun just before.", view{origin: since(-time.Minute), mover: nothing, want: &stamp}, actionRestart},
		"EmptyAllTheTime":   {"A pod that has run for long makes no disk any more.", view{origin: since(-time.Hour), mover: nothing, want: &stamp}, actionWait},
		"EmptyNotRunning":   {"A pod that waits for a node has not begun.", view{origin: late, mover: nothing, want: &stamp}, actionWait},
		"Done":              {"What is done is done.", view{done: true}, actionWait},
		"DoneWithRest":      {"But for what is left.", view{done: true, copy: both}, actionTidy},
		"DoneWithSecret":    {"A Secret alone goes too.", view{done: true, mover: moverjob.State{Secret: secret}}, actionTidy},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := decide(tc.view); got != tc.want {
				t.Errorf("%s\ndecide: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
