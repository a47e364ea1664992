// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

const (
	// keyEngine marks the Secret of a DataVolume, and tells it from a mover's.
	keyEngine = "engine"

	// keyFailure is where the Secret of a DataVolume that was given up says
	// why. The DataVolume is gone then: as long as there is one, CDI goes on.
	keyFailure = "failure"
)

// Secret renders the Secret that goes with the DataVolume: its credentials and
// the fingerprint of what it was started with.
func (r Request) Secret(stamp workload.Fingerprint) (*corev1.Secret, error) {
	b, err := json.Marshal(stamp)
	if err != nil {
		return nil, errors.Wrap(err, "cannot write fingerprint")
	}
	data := map[string][]byte{workload.KeyFingerprint: b, keyEngine: []byte("CDI")}
	maps.Copy(data, Keys(r.Source, r.Files))
	return &corev1.Secret{ObjectMeta: *r.Meta.DeepCopy(), Data: data}, nil
}

// Marked reports whether a Secret goes with a DataVolume.
func Marked(s *corev1.Secret) bool { return s != nil && len(s.Data[keyEngine]) > 0 }

// Noted returns why a DataVolume was given up, or nil.
func Noted(s *corev1.Secret) *diagnosis.Finding {
	if s == nil {
		return nil
	}
	f := &diagnosis.Finding{}
	if json.Unmarshal(s.Data[keyFailure], f) != nil {
		return nil
	}
	return f
}

// Note is the Secret with why its DataVolume is given up.
func Note(s *corev1.Secret, f diagnosis.Finding) (*corev1.Secret, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, errors.Wrap(err, "cannot write why CDI is given up")
	}
	data := maps.Clone(s.Data)
	data[keyFailure] = b
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.GetNamespace(), Name: s.GetName(), Labels: s.GetLabels(), Annotations: s.GetAnnotations()},
		Data:       data,
	}, nil
}
