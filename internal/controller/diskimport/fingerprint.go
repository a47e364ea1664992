// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
)

// keyFingerprint is where a mover's Secret holds its fingerprint. It stands
// there and not in an annotation of the Job because a sum of a short password
// is almost the password.
const keyFingerprint = "fingerprint"

// A fingerprint is what a mover was started with, in two sums.
type fingerprint struct {
	// Request sums what the DiskImport asks for, with the contents of what it
	// refers to. A mover with another one is of no use.
	Request string `json:"request"`

	// Environment sums what the provider and its configuration add. A mover
	// that runs may end with the one that it began with.
	Environment string `json:"environment"`
}

// fingerprintOf returns the fingerprint that a new mover would have.
func fingerprintOf(cr *v1alpha1.DiskImport, files credentials.Files, s configv1alpha1.Settings, image string) (fingerprint, error) {
	p := cr.Spec.ForProvider
	target := p.Target
	target.Labels, target.Annotations = nil, nil
	request, err := sum(struct {
		Source       v1alpha1.ImportSource
		Verification v1alpha1.Verification
		Format       v1alpha1.ImageFormat
		Target       v1alpha1.Target
		Priority     string
		NodeSelector map[string]string
		Tolerations  []corev1.Toleration
		Resources    *corev1.ResourceRequirements
		Files        credentials.Files
	}{
		p.Source, p.Verification, p.Format, target,
		p.Transfer.PriorityClassName, p.Transfer.NodeSelector, p.Transfer.Tolerations, p.Transfer.Resources, files,
	})
	if err != nil {
		return fingerprint{}, err
	}
	mover := s.Mover
	mover.Image, mover.Connections, mover.BandwidthLimit = image, nil, nil
	environment, err := sum(struct {
		Policy configv1alpha1.Policy
		Mover  configv1alpha1.Mover
	}{s.Policy, mover})
	return fingerprint{Request: request, Environment: environment}, err
}

func sum(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", errors.Wrap(err, "cannot compute fingerprint")
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// readFingerprint returns the fingerprint in a mover's Secret, or nil if there
// is none that can be read.
func readFingerprint(s *corev1.Secret) *fingerprint {
	if s == nil {
		return nil
	}
	f := &fingerprint{}
	if json.Unmarshal(s.Data[keyFingerprint], f) != nil {
		return nil
	}
	return f
}
