// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
)

func TestOnVolume(t *testing.T) {
	cases := map[string]struct {
		reason     string
		known, now string
		want       artifact.Verdict
		remembers  string
	}{
		"First":  {"The first look remembers the volume.", "", "pvc-1", artifact.Present, "pvc-1"},
		"Same":   {"A claim that has the volume yet has the artifact.", "pvc-1", "pvc-1", artifact.Present, "pvc-1"},
		"Gone":   {"One that is gone has not.", "pvc-1", "", artifact.Missing, "pvc-1"},
		"Other":  {"Nor has another one of the same name.", "pvc-1", "pvc-2", artifact.Missing, "pvc-1"},
		"AtOnce": {"A claim may be gone before anybody has looked.", "", "", artifact.Missing, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := &v1alpha1.ArtifactObservation{Volume: tc.known}
			if got := onVolume(a, tc.now); got.Verdict != tc.want || a.Volume != tc.remembers {
				t.Errorf("%s\nonVolume: want %s and %q, got %s and %q", tc.reason, tc.want, tc.remembers, got.Verdict, a.Volume)
			}
		})
	}
}

func TestUnwatched(t *testing.T) {
	http := func(m v1alpha1.UploadMethod) v1alpha1.ExportTarget {
		return v1alpha1.ExportTarget{HTTP: &v1alpha1.HTTPTarget{Method: m}}
	}
	cases := map[string]struct {
		reason string
		target v1alpha1.ExportTarget
		want   string
	}{
		"Put":       {"What was put at a URL can be asked for.", http(v1alpha1.MethodPut), ""},
		"Post":      {"What was posted cannot, and that is said.", http(v1alpha1.MethodPost), "It is not watched: the URL"},
		"Bucket":    {"A bucket can be asked with its keys.", diskExport().Spec.ForProvider.Target, ""},
		"Anonymous": {"And not without.", v1alpha1.ExportTarget{S3: &v1alpha1.S3Object{}}, "It is not watched: there are no credentials"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport()
			r := reportOfSuccess(tc.target, "", "")
			r.apply(cr, view{})
			ready := cr.GetCondition(xpv2.TypeReady)
			if said := ready.Message != "" && strings.Contains(cr.Status.AtProvider.Message, ready.Message); !strings.HasPrefix(ready.Message, tc.want) || said != (tc.want != "") {
				t.Errorf("%s\nReady says %q and the status %q, want %q", tc.reason, ready.Message, cr.Status.AtProvider.Message, tc.want)
			}
		})
	}
}

func TestLacking(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   string
	}{
		"Nothing": {"An answer lacks nothing.", nil, ""},
		"Silent":  {"A place that does not answer may do so later.", errors.New("connection refused"), ""},
		"Secret":  {"What somebody has to change is said.", errors.Wrap(&credentials.Problem{Message: `Secret "a" does not exist.`}, "x"), `It is not watched: Secret "a" does not exist.`},
		"Helper":  {"So is a login that cannot be used.", &artifact.LoginError{Err: errors.New("cannot use a helper")}, "It is not watched: cannot use a helper."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lacking(tc.err); got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
			r := reportOfSuccess(diskExport().Spec.ForProvider.Target, tc.want, "")
			if !strings.HasSuffix(r.message, tc.want) || r.remark != tc.want {
				t.Errorf("%s\nthe status says %q", tc.reason, r.message)
			}
		})
	}
}
