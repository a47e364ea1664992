// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"strings"
	"testing"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestReport(t *testing.T) {
	stamp := workload.Fingerprint{Request: "r", Trigger: "monday"}
	secret := secretWith(t, stamp)
	running := podWith(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	refused := podWith(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 26, Message: `{"type":"result","reason":"TargetRefused","message":"cannot make object: no such bucket"}`,
	}})

	shaken := moverjob.State{Job: jobWith("Offline", is(batchv1.JobFailed)), Secret: secret, Pods: []corev1.Pod{podWith(corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: 16, Message: `{"type":"result","reason":"SourceChanged","message":"cannot go on reading: it changed meanwhile"}`},
	})}}
	idle := origin.Plan{Consistency: v1alpha1.ConsistencyOffline}

	absent := podWith(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 11, Message: `{"type":"result","reason":"SourceNotFound","message":"cannot open /disk/disk.img: no such file"}`,
	}})

	type want struct {
		Phase             v1alpha1.ExportPhase
		Ready             corev1.ConditionStatus
		Reason            xpv2.ConditionReason
		Transferring, Stl corev1.ConditionStatus
		Message           string
	}
	cases := map[string]struct {
		reason string
		view   view
		want   want
	}{
		"Beginning": {
			"What is about to begin says so.",
			view{origin: disk(), plan: origin.Plan{Consistency: v1alpha1.ConsistencyOffline}, want: &stamp},
			want{v1alpha1.ExportPhasePending, "False", xpv2.ReasonCreating, "False", "False", "being started"},
		},
		"Snapshot": {
			"A snapshot is waited for.",
			view{origin: disk(written), plan: origin.Plan{Consistency: v1alpha1.ConsistencySnapshot}, copy: snapshot.State{Snapshot: &snapshot.Snapshot{Claim: "disk"}}, want: &stamp},
			want{v1alpha1.ExportPhasePending, "False", xpv2.ReasonCreating, "False", "False", "snapshot to be ready"},
		},
		"NoSnapshots": {
			"A volume in use that cannot be snapshotted says both ways out.",
			view{origin: disk(written), plan: origin.PlanOf(v1alpha1.ConsistencyAuto, disk(written), snapshot.State{}), want: &stamp},
			want{v1alpha1.ExportPhaseFailed, "False", v1alpha1.ReasonSnapshotsUnsupported, "False", "True", `stop it while the disk is exported, or make a VolumeSnapshotClass`},
		},
		"Running": {
			"A mover that runs transfers.",
			view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline"), Secret: secret, Pods: []corev1.Pod{running}}, want: &stamp, tuned: true},
			want{v1alpha1.ExportPhaseExporting, "False", xpv2.ReasonCreating, "True", "False", "being transferred"},
		},
		"Torn": {
			"A run that is void says why.",
			view{origin: disk(written), mover: moverjob.State{Job: jobWith("Offline"), Secret: secret, Pods: []corev1.Pod{running}}, want: &stamp, tuned: true},
			want{v1alpha1.ExportPhasePending, "False", xpv2.ReasonCreating, "False", "False", `pod "virt-launcher", which can write to claim "disk"`},
		},
		"FailedTorn": {
			"So does one whose mover saw the disk change.",
			view{origin: disk(), plan: idle, mover: shaken, want: &stamp},
			want{v1alpha1.ExportPhasePending, "False", xpv2.ReasonCreating, "False", "False", "written to while it was read"},
		},
		"FailedTornOften": {
			"When that does not end, the ways out are said.",
			view{origin: disk(), plan: idle, mover: shaken, want: &stamp, torn: mostTorn - 1},
			want{v1alpha1.ExportPhaseFailed, "False", "SourceChanged", "False", "True", "It was tried 3 times; consistency: Snapshot"},
		},
		"Failed": {
			"The mover's reason is Ready's.",
			view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline", is(batchv1.JobFailed)), Secret: secret, Pods: []corev1.Pod{refused}}, want: &stamp},
			want{v1alpha1.ExportPhaseFailed, "False", "TargetRefused", "False", "True", "no such bucket"},
		},
		"Succeeded": {
			"An artifact that is there is available.",
			view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline", is(batchv1.JobComplete)), Secret: secret}, want: &stamp},
			want{v1alpha1.ExportPhaseSucceeded, "True", xpv2.ReasonAvailable, "False", "False", "s3://backups/vm.qcow2"},
		},
		"SucceededNoted": {
			"What was unusual is said with it.",
			view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline", is(batchv1.JobComplete)), Secret: secret, Result: &transfer.Result{Note: "An attempt before has sent other bytes."}}, want: &stamp},
			want{v1alpha1.ExportPhaseSucceeded, "True", xpv2.ReasonAvailable, "False", "False", "at s3://backups/vm.qcow2. An attempt before has sent other bytes."},
		},
		"Empty": {
			"A claim without a disk says what else is on it.",
			view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline", is(batchv1.JobFailed)), Secret: secret, Pods: []corev1.Pod{absent}, Result: &transfer.Result{Note: `What is there is "a.raw".`}}, want: &stamp},
			want{v1alpha1.ExportPhaseFailed, "False", "SourceNotFound", "False", "True", `no file disk.img at its root. What is there is "a.raw". It is exported when`},
		},
		"Missing": {
			"An artifact that is gone is not available.",
			view{done: true, verdict: artifact.Missing},
			want{v1alpha1.ExportPhaseSucceeded, "False", v1alpha1.ReasonArtifactMissing, "False", "True", "trigger"},
		},
		"Changed": {
			"Nor is another one in its place.",
			view{done: true, verdict: artifact.Changed},
			want{v1alpha1.ExportPhaseSucceeded, "False", v1alpha1.ReasonArtifactChanged, "False", "True", "trigger"},
		},
		"Done": {
			"And stays so.",
			view{done: true},
			want{v1alpha1.ExportPhaseSucceeded, "True", xpv2.ReasonAvailable, "False", "False", "s3://backups/vm.qcow2"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport()
			reportOf(cr, tc.view, now()).apply(cr, tc.view)
			at := cr.Status.AtProvider
			ready := cr.GetCondition(xpv2.TypeReady)
			got := want{at.Phase, ready.Status, ready.Reason, cr.GetCondition(v1alpha1.TypeTransferring).Status, cr.GetCondition(v1alpha1.TypeStalled).Status, at.Message}
			if !strings.Contains(got.Message, tc.want.Message) {
				t.Errorf("%s\nmessage: want %q in it, got %q", tc.reason, tc.want.Message, got.Message)
			}
			got.Message, tc.want.Message = "", ""
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
			before := cr.DeepCopy()
			reportOf(cr, tc.view, now().Add(time.Minute)).apply(cr, tc.view)
			for i := range cr.Status.Conditions {
				cr.Status.Conditions[i].LastTransitionTime = before.Status.Conditions[i].LastTransitionTime
			}
			if diff := cmp.Diff(before, cr); diff != "" {
				t.Errorf("%s\nwhat is said twice differs:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRuns follows a DiskExport through three runs.
func TestRuns(t *testing.T) {
	cr := diskExport(func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Trigger = "wednesday" })
	run := func(trigger string, at time.Time, how batchv1.JobConditionType, r *transfer.Result) {
		v := view{origin: disk(), mover: moverjob.State{Job: jobWith("Offline", is(how)), Secret: secretWith(t, workload.Fingerprint{Trigger: trigger}), Result: r}}
		v.mover.Job.CreationTimestamp = metav1.NewTime(at)
		if how == batchv1.JobComplete {
			v.mover.Job.Status.CompletionTime = &metav1.Time{Time: at.Add(time.Second)}
		}
		for range 2 {
			reportOf(cr, v, at).apply(cr, v)
		}
	}
	made := &transfer.Result{ReusedBytes: 7, Note: "Beside disk.img there is more.", Artifact: transfer.ArtifactFacts{URI: "s3://backups/vm.qcow2", Digest: "sha256:beef", Size: 42, ContentDigest: "sha256:cafe"}}
	run("monday", now(), batchv1.JobComplete, made)
	if done(cr) {
		t.Errorf("the run of monday is not the one that is wanted")
	}
	run("tuesday", now().Add(time.Hour), batchv1.JobFailed, nil)
	if at := cr.Status.AtProvider; at.Artifact == nil || at.CompletionTime != nil {
		t.Errorf("a failed run does not take the artifact away: %+v", at)
	}
	run("wednesday", now().Add(2*time.Hour), batchv1.JobComplete, made)
	if !done(cr) {
		t.Errorf("the run of wednesday is the one that is wanted")
	}
	at := cr.Status.AtProvider
	var got []string
	for _, r := range at.History {
		got = append(got, r.Trigger+" "+string(r.Phase)+" "+r.Digest)
	}
	if diff := cmp.Diff([]string{"wednesday Succeeded sha256:beef", "tuesday Failed ", "monday Succeeded sha256:beef"}, got); diff != "" {
		t.Errorf("history, -want +got:\n%s", diff)
	}
	gone := view{done: true}
	reportOf(cr, gone, now()).apply(cr, gone)
	if note := "Beside disk.img there is more."; at.History[0].Note != note || !strings.HasSuffix(cr.Status.AtProvider.Message, note) || at.History[1].Note != "" {
		t.Errorf("what was unusual is not told when the mover is gone: %q, %+v", cr.Status.AtProvider.Message, at.History)
	}
	if at.Progress == nil || at.Progress.ReusedBytes != 7 || at.Progress.Percent != 100 {
		t.Errorf("progress is %+v", at.Progress)
	}
	note, err := noteOf(cr)
	if err != nil {
		t.Fatal(err)
	}
	lost := diskExport(func(cr *v1alpha1.DiskExport) {
		cr.Spec.ForProvider.Trigger = "wednesday"
		cr.Annotations = map[string]string{annotationMade: note}
	})
	if err := recall(lost); err != nil || !done(lost) {
		t.Errorf("a status that was lost is not recalled: %v, %+v", err, lost.Status.AtProvider)
	}
	copied := lost.DeepCopy()
	copied.Name, copied.Status = "other", v1alpha1.DiskExportStatus{}
	if err := recall(copied); err != nil || done(copied) {
		t.Errorf("a copy under another name has made nothing: %v, %+v", err, copied.Status.AtProvider)
	}
	for i := range 20 {
		run("many", now().Add(time.Duration(3+i)*time.Hour), batchv1.JobFailed, nil)
	}
	if n := len(cr.Status.AtProvider.History); n != historyLength {
		t.Errorf("the status remembers %d runs", n)
	}
}

// TestTornBefore counts the runs before one that its own kind has voided.
func TestTornBefore(t *testing.T) {
	run := func(hour int, trigger, reason string) v1alpha1.ExportRun {
		return v1alpha1.ExportRun{StartTime: metav1.NewTime(now().Add(time.Duration(-hour) * time.Hour)), Trigger: trigger, Reason: reason}
	}
	const torn = "SourceChanged"
	cases := map[string]struct {
		reason  string
		history []v1alpha1.ExportRun
		want    int
	}{
		"None":    {"The first run has none before it.", nil, 0},
		"Itself":  {"A run does not count itself.", []v1alpha1.ExportRun{run(0, "monday", torn)}, 0},
		"Two":     {"Those before it count.", []v1alpha1.ExportRun{run(0, "monday", torn), run(1, "monday", torn), run(2, "monday", torn)}, 2},
		"Between": {"Another end begins to count anew.", []v1alpha1.ExportRun{run(1, "monday", torn), run(2, "monday", "TargetRefused"), run(3, "monday", torn)}, 1},
		"Sunday":  {"So does another trigger.", []v1alpha1.ExportRun{run(1, "sunday", torn)}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport()
			cr.Status.AtProvider.History = tc.history
			m := moverjob.State{Job: jobWith("Offline", is(batchv1.JobFailed)), Secret: secretWith(t, workload.Fingerprint{Trigger: "monday"})}
			if got := tornBefore(cr, m); got != tc.want {
				t.Errorf("%s\ntornBefore: want %d, got %d", tc.reason, tc.want, got)
			}
		})
	}
}

func TestUnwanted(t *testing.T) {
	start := &metav1.Time{Time: now()}
	artifact := &v1alpha1.ArtifactObservation{URI: "s3://backups/vm.qcow2"}
	cases := map[string]struct {
		reason            string
		retention         v1alpha1.Retention
		at                v1alpha1.DiskExportObservation
		artifact, uploads bool
	}{
		"Nothing": {"What never ran left nothing.", "Retain", v1alpha1.DiskExportObservation{}, false, false},
		"Retain":  {"An artifact stays.", "Retain", v1alpha1.DiskExportObservation{Artifact: artifact, StartTime: start, CompletionTime: start}, false, false},
		"Delete":  {"Unless it is not to.", "Delete", v1alpha1.DiskExportObservation{Artifact: artifact, StartTime: start, CompletionTime: start}, true, false},
		"Middle":  {"What was begun goes.", "Retain", v1alpha1.DiskExportObservation{Artifact: artifact, StartTime: start}, false, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport(func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Retention = tc.retention })
			cr.Status.AtProvider = tc.at
			if a, u := unwanted(cr); a != tc.artifact || u != tc.uploads {
				t.Errorf("%s\nunwanted: want %t, %t, got %t, %t", tc.reason, tc.artifact, tc.uploads, a, u)
			}
			forget(cr)
			if a, u := unwanted(cr); a || u {
				t.Errorf("%s\nwhat is forgotten is still unwanted", tc.reason)
			}
		})
	}
}
