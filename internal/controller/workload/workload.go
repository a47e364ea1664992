// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"encoding/json"
	"maps"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// User is the user and group of a mover, and the owner of a disk: the one
	// that KubeVirt runs virtual machines as.
	User = 107

	// KeyJob is where a mover's Secret holds the job document.
	KeyJob = "job.json"

	// memoryShare is the part of the memory limit, in percent, at which the
	// Go runtime collects harder; the rest is for what it does not count.
	memoryShare = 90
)

// A Mover is what a mover is rendered from.
type Mover struct {
	// Meta names the Job and the Secret; its labels and annotations are the
	// pod's too.
	Meta metav1.ObjectMeta

	// Document says what to move. It holds no secret.
	Document transfer.Job

	// Files are the credentials and certificates that Document refers to.
	Files credentials.Files

	// Resume is what the mover's attempts tell each other by.
	Resume Resume

	// Stamp is the fingerprint of all that the mover depends on.
	Stamp Fingerprint

	Transfer v1alpha1.Transfer
	Settings configv1alpha1.Settings
	Image    string

	// Disks that are mounted.
	Disks []Disk

	// Node on which the mover must run, because a volume is in use there.
	// Empty: any.
	Node string
}

// A Disk is a claim that is mounted for a mover.
type Disk struct {
	// Volume is the name that the pod gives it.
	Volume string
	Claim  string
	Mode   corev1.PersistentVolumeMode

	// Path is the folder where a file system is mounted, or the device as
	// which a block volume appears.
	Path string

	// ReadOnly keeps the mover from writing to it.
	ReadOnly bool

	// Untouched keeps the node, too, from writing to it: neither the owner of
	// its files nor its journal changes.
	Untouched bool
}

// Run renders the mover.
func (m Mover) Run() (moverjob.Run, error) {
	s, err := m.secret()
	return moverjob.Run{Job: m.job(), Secret: s}, err
}

// secret renders what the mover gets mounted.
func (m Mover) secret() (*corev1.Secret, error) {
	document := m.Document
	if !m.Resume.None() {
		document.ResumeDir = folderResume
	}
	doc, err := json.Marshal(document)
	if err != nil {
		return nil, errors.Wrap(err, "cannot write job document")
	}
	stamp, err := json.Marshal(m.Stamp)
	if err != nil {
		return nil, errors.Wrap(err, "cannot write fingerprint")
	}
	data := map[string][]byte{KeyJob: doc, KeyFingerprint: stamp}
	for name, b := range m.Files {
		data[name] = b
	}
	maps.Copy(data, m.Resume.Files())
	return &corev1.Secret{ObjectMeta: *m.Meta.DeepCopy(), Data: data}, nil
}

// job renders the Job. A terminal exit code ends it at once; a disruption does
// not count as an attempt. A pod is replaced only when it is gone for good: two
// movers must not write one volume.
func (m Mover) job() *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: *m.Meta.DeepCopy(),
		Spec: batchv1.JobSpec{
			BackoffLimit:          retries(m.Transfer),
			ActiveDeadlineSeconds: deadline(m.Transfer),
			PodReplacementPolicy:  ptr.To(batchv1.Failed),
			PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
				{
					Action: batchv1.PodFailurePolicyActionFailJob,
					OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
						ContainerName: ptr.To(moverjob.ContainerName),
						Operator:      batchv1.PodFailurePolicyOnExitCodesOpIn,
						Values:        transfer.TerminalExitCodes(),
					},
				},
				{
					Action: batchv1.PodFailurePolicyActionIgnore,
					OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
						{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
					},
				},
			}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: m.Meta.Labels, Annotations: m.Meta.Annotations},
				Spec:       m.podSpec(),
			},
		},
	}
}

// memoryEnvironment tells the Go runtime of the mover's memory limit.
func memoryEnvironment(r corev1.ResourceRequirements) []corev1.EnvVar {
	limit := r.Limits.Memory().Value()
	if limit == 0 {
		return nil
	}
	return []corev1.EnvVar{{Name: "GOMEMLIMIT", Value: strconv.FormatInt(limit/100*memoryShare, 10)}}
}
