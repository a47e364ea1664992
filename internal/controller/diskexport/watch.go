// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
)

// unwatched says why nobody can tell what becomes of an artifact, or "".
func unwatched(t v1alpha1.ExportTarget) string {
	switch {
	case t.HTTP != nil && t.HTTP.Method == v1alpha1.MethodPost:
		return "It is not watched: the URL that it was posted to does not say where it is."
	case t.S3 != nil && t.S3.SecretRef == nil:
		return "It is not watched: there are no credentials with which the bucket could be asked."
	}
	return ""
}

// ask finds out what became of the artifact. That is done whenever a DiskExport
// that is done is looked at, which is rarely. What a target that does not answer
// said before still counts. unseen says why it cannot be asked, until somebody
// changes what it refers to.
func (e *external) ask(ctx context.Context, cr *v1alpha1.DiskExport) (v artifact.Verdict, unseen string) {
	before, a := verdictOf(cr), cr.Status.AtProvider.Artifact
	now, err := e.answer(ctx, cr)
	if err != nil || now.Verdict == artifact.Unknown {
		return before, lacking(err)
	}
	if a.Validator == "" {
		a.Validator = now.Validator
	}
	if v := now.Verdict; v != before && v != artifact.Present {
		e.Record.Event(cr, event.Warning(event.Reason("Artifact"+v), errors.Errorf("the artifact at %s is not what was exported", place(cr.Spec.ForProvider.Target))))
	}
	return now.Verdict, ""
}

// lacking is what is wrong with what a question needs, or "": a place that does
// not answer will.
func lacking(err error) string {
	var p *credentials.Problem
	var l *artifact.LoginError
	switch {
	case errors.As(err, &p):
		return "It is not watched: " + p.Message
	case errors.As(err, &l):
		return "It is not watched: " + l.Error() + "."
	}
	return ""
}

// answer asks whoever knows of the artifact.
func (e *external) answer(ctx context.Context, cr *v1alpha1.DiskExport) (artifact.Answer, error) {
	if t := cr.Spec.ForProvider.Target.PVC; t != nil {
		now, err := e.disks.Behind(ctx, types.NamespacedName{Namespace: cr.GetNamespace(), Name: t.Name})
		return onVolume(cr.Status.AtProvider.Artifact, now), err
	}
	files, err := e.files(ctx, cr)
	if err != nil {
		return artifact.Answer{}, err
	}
	networks, err := e.Target.Networks(ctx)
	if err != nil {
		return artifact.Answer{}, err
	}
	return e.places.Ask(ctx, artifact.Question{
		Artifact: artifactOf(cr.Spec.ForProvider, nil), Made: facts(cr.Status.AtProvider.Artifact), Files: files,
		Policy: policy(inputs{settings: e.Target.Settings, networks: networks}),
	})
}

// onVolume is the answer for an artifact on a claim, which has the given volume
// now. Without it, or with another one, the artifact is gone. What becomes of
// the file on the volume only a pod could tell.
func onVolume(a *v1alpha1.ArtifactObservation, now string) artifact.Answer {
	if a.Volume == "" {
		a.Volume = now
	}
	if now == "" || a.Volume != now {
		return artifact.Answer{Verdict: artifact.Missing}
	}
	return artifact.Answer{Verdict: artifact.Present}
}

// verdictOf is what the status says became of the artifact.
func verdictOf(cr *v1alpha1.DiskExport) artifact.Verdict {
	switch cr.GetCondition(xpv2.TypeReady).Reason {
	case v1alpha1.ReasonArtifactMissing:
		return artifact.Missing
	case v1alpha1.ReasonArtifactChanged:
		return artifact.Changed
	}
	return artifact.Unknown
}
