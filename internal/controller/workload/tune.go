// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	defaultDeadline = 24 * time.Hour
	defaultRetries  = 5
)

// Tuning is what may change while a mover runs.
type Tuning struct {
	Transfer v1alpha1.Transfer
	Settings configv1alpha1.Settings

	// Files replace those of the mover with the same names, and Credentials
	// is their sum. Nil: they stay.
	Files       credentials.Files
	Credentials string

	// Resume is what the mover's newest attempt has told the next one. Empty:
	// nothing new.
	Resume string
}

// Retuned is the mover with the limits, deadline, retries and files that are
// wanted now, and all else as it is.
func Retuned(m moverjob.State, t Tuning) (moverjob.Run, error) {
	job := m.Job.DeepCopy()
	job.Spec.ActiveDeadlineSeconds, job.Spec.BackoffLimit = deadline(t.Transfer), retries(t.Transfer)
	secret := m.Secret.DeepCopy()
	doc := transfer.Job{}
	if err := json.Unmarshal(secret.Data[KeyJob], &doc); err != nil {
		return moverjob.Run{}, errors.Wrap(err, "cannot read job document")
	}
	doc.Limits = Limits(t.Transfer, t.Settings)
	b, err := json.Marshal(doc)
	secret.Data[KeyJob] = b
	if err != nil {
		return moverjob.Run{}, errors.Wrap(err, "cannot write job document")
	}
	if t.Resume != "" && !ReadResume(secret).None() {
		secret.Data[transfer.FileResumeState] = []byte(t.Resume)
	}
	return moverjob.Run{Job: job, Secret: secret}, refile(secret, t)
}

// refile gives a mover's Secret other files.
func refile(s *corev1.Secret, t Tuning) error {
	stamp := ReadFingerprint(s)
	if t.Files == nil || stamp == nil {
		return nil
	}
	for name, b := range t.Files {
		s.Data[name] = b
	}
	stamp.Credentials = t.Credentials
	b, err := json.Marshal(stamp)
	s.Data[KeyFingerprint] = b
	return errors.Wrap(err, "cannot write fingerprint")
}

// Limits are those of a resource, within those of the configuration.
func Limits(t v1alpha1.Transfer, s configv1alpha1.Settings) transfer.Limits {
	return transfer.Limits{
		Connections:    int(least(int64(ptr.Deref(t.Connections, 0)), int64(ptr.Deref(s.Mover.Connections, 0)))),
		BytesPerSecond: least(bytesOf(t.BandwidthLimit), bytesOf(s.Mover.BandwidthLimit)),
	}
}

// Policy is the configuration's, with the cluster's own networks, which no
// mover may reach.
func Policy(s configv1alpha1.Settings, networks []string) transfer.Policy {
	p := s.Policy
	return transfer.Policy{
		AllowedHosts:    p.AllowedHosts,
		AllowedNetworks: p.AllowedNetworks,
		DeniedNetworks:  append(networks[:len(networks):len(networks)], p.DeniedNetworks...),
		RefusePlainHTTP: p.RefusePlainHTTP,
		RequireChecksum: p.RequireChecksum,
		MaxVirtualSize:  bytesOf(p.MaxVirtualSize),
	}
}

// least returns the smaller limit, of which zero is none.
func least(a, b int64) int64 {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

func bytesOf(q *resource.Quantity) int64 {
	if q == nil {
		return 0
	}
	return q.Value()
}

// Deadline is how long a transfer may take, all attempts together.
func Deadline(t v1alpha1.Transfer) time.Duration {
	if t.Deadline != nil {
		return t.Deadline.Duration
	}
	return defaultDeadline
}

// Retries is how often an attempt that failed is followed by another.
func Retries(t v1alpha1.Transfer) int32 { return ptr.Deref(t.Retries, defaultRetries) }

func deadline(t v1alpha1.Transfer) *int64 { return ptr.To(int64(Deadline(t) / time.Second)) }

func retries(t v1alpha1.Transfer) *int32 { return ptr.To(Retries(t)) }
