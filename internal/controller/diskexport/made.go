// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// made is what a DiskExport notes of its last run that succeeded outside of
// its status.
type made struct {
	// Of names the DiskExport and its target: a copy of it under another
	// name, or for another target, has made nothing yet.
	Of         string                       `json:"of"`
	Trigger    string                       `json:"trigger"`
	Start      *metav1.Time                 `json:"startTime"`
	Completion *metav1.Time                 `json:"completionTime"`
	Artifact   v1alpha1.ArtifactObservation `json:"artifact"`
}

// noteOf is the note that a DiskExport should have, or "" if it has nothing
// new to note.
func noteOf(cr *v1alpha1.DiskExport) (string, error) {
	at := cr.Status.AtProvider
	if at.Artifact == nil || at.CompletionTime == nil || at.LastTrigger == nil {
		return "", nil
	}
	b, err := json.Marshal(made{Of: identity(cr), Trigger: *at.LastTrigger, Start: at.StartTime, Completion: at.CompletionTime, Artifact: *at.Artifact})
	return string(b), errors.Wrap(err, "cannot write note of export")
}

func identity(cr *v1alpha1.DiskExport) string {
	return cr.GetNamespace() + "/" + cr.GetName() + " " + placeOfArtifact(artifactOf(resolved(cr), nil))
}

// recall fills what a status that was lost must know of the last run.
func recall(cr *v1alpha1.DiskExport) error {
	at, note := &cr.Status.AtProvider, cr.GetAnnotations()[annotationMade]
	if note == "" || at.Phase != "" {
		return nil
	}
	m := made{}
	if err := json.Unmarshal([]byte(note), &m); err != nil {
		return errors.Wrapf(err, "cannot read annotation %s: correct it, or remove it to export again", annotationMade)
	}
	if m.Of != identity(cr) {
		return nil
	}
	at.Phase, at.Artifact, at.LastTrigger = v1alpha1.ExportPhaseSucceeded, &m.Artifact, ptr.To(m.Trigger)
	at.StartTime, at.CompletionTime = m.Start, m.Completion
	return nil
}

// annotate writes where the artifact goes, which is the external name, and what
// the last run has made.
func annotate(cr *v1alpha1.DiskExport) error {
	note, err := noteOf(cr)
	if err != nil {
		return err
	}
	// Without a name the bucket is not known yet.
	if name := place(resolved(cr).Target); name != "" {
		meta.SetExternalName(cr, name)
	}
	if note != "" {
		meta.AddAnnotations(cr, map[string]string{annotationMade: note})
	}
	return nil
}
