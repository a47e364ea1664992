// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
)

// KeyFingerprint is where a mover's Secret holds its fingerprint. It stands
// there and not in an annotation of the Job because a sum of a short password
// is almost the password.
const KeyFingerprint = "fingerprint"

// A Fingerprint is what a mover was started with, in sums.
type Fingerprint struct {
	// Request sums what the resource asks for. A mover with another one is of
	// no use.
	Request string `json:"request"`

	// Environment sums what the provider and its configuration add. A mover
	// that runs may end with the one that it began with.
	Environment string `json:"environment"`

	// Credentials sum those that a mover reads again when they change. One
	// that runs gets them; one that failed begins anew with them.
	Credentials string `json:"credentials,omitempty"`

	// Trigger that the mover answers, of a resource that has one. One that
	// runs is ended first.
	Trigger string `json:"trigger,omitempty"`
}

// ReadFingerprint returns the fingerprint in a mover's Secret, or nil if there
// is none that can be read.
func ReadFingerprint(s *corev1.Secret) *Fingerprint {
	if s == nil {
		return nil
	}
	f := &Fingerprint{}
	if json.Unmarshal(s.Data[KeyFingerprint], f) != nil {
		return nil
	}
	return f
}

// Sum sums a value by the JSON that it is.
func Sum(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", errors.Wrap(err, "cannot compute fingerprint")
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// Environment sums what a configuration adds to a mover with the given image.
// What may change while it runs is left out.
func Environment(s configv1alpha1.Settings, image string) (string, error) {
	mover := s.Mover
	mover.Image, mover.Connections, mover.BandwidthLimit = image, nil, nil
	return Sum(struct {
		Policy configv1alpha1.Policy
		Mover  configv1alpha1.Mover
	}{s.Policy, mover})
}

// Placement is the part of a Transfer that says where and how a mover runs,
// which cannot change while it does.
type Placement struct {
	Priority     string
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
	Resources    *corev1.ResourceRequirements
}

// PlacementOf returns the placement of a transfer.
func PlacementOf(t v1alpha1.Transfer) Placement {
	return Placement{t.PriorityClassName, t.NodeSelector, t.Tolerations, t.Resources}
}
