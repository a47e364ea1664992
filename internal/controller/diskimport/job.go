// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"encoding/json"
	"path"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// user is the user and group that owns a disk: the one that KubeVirt runs
	// virtual machines as.
	user = 107

	// diskMode is the mode of disk.img, as KubeVirt wants it.
	diskMode = 0o660

	// secretMode lets the group read, which is the mover's by fsGroup.
	secretMode = 0o440

	folderJob         = "/etc/wukong/job"
	folderCredentials = "/etc/wukong/credentials" //nolint:gosec // A folder's name.
	folderCA          = "/etc/wukong/ca"
	keyJob            = "job.json"

	// folderDisk and fileDisk are where KubeVirt expects a disk in a volume;
	// deviceDisk is where a block volume appears.
	folderDisk = "/disk"
	fileDisk   = "disk.img"
	deviceDisk = "/dev/wukong"

	volumeDisk        = "disk"
	volumeJob         = "job"
	volumeCredentials = "credentials"
	volumeCA          = "ca"

	defaultDeadline = 24 * time.Hour
	defaultRetries  = 5

	// memoryShare is the part of the memory limit, in percent, at which the
	// Go runtime collects harder; the rest is for what it does not count.
	memoryShare = 90
)

// inputs are what a mover depends on beside its DiskImport.
type inputs struct {
	settings configv1alpha1.Settings
	files    credentials.Files
	profile  volume.Profile

	// networks may not be read from.
	networks []string
	image    string
}

// volumeMode of the claim.
func (in inputs) volumeMode(cr *v1alpha1.DiskImport) corev1.PersistentVolumeMode {
	return ptr.Deref(cr.Spec.ForProvider.Target.VolumeMode, in.profile.VolumeMode)
}

// desiredRun renders the mover for a DiskImport.
func desiredRun(cr *v1alpha1.DiskImport, in inputs) (moverjob.Run, error) {
	s, err := desiredSecret(cr, in)
	return moverjob.Run{Job: desiredJob(cr, in), Secret: s}, err
}

// desiredStaging renders the claim that the mover fills.
func desiredStaging(cr *v1alpha1.DiskImport, in inputs) *corev1.PersistentVolumeClaim {
	t := cr.Spec.ForProvider.Target
	mode := in.volumeMode(cr)
	modes := in.profile.AccessModes
	if len(t.AccessModes) > 0 {
		modes = nil
	}
	for _, m := range t.AccessModes {
		modes = append(modes, corev1.PersistentVolumeAccessMode(m))
	}
	meta := objectMeta(cr)
	meta.Annotations[annotationSize] = strconv.FormatInt(diskBytes(cr), 10)
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: meta,
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      modes,
			StorageClassName: ptr.To(in.profile.Class),
			VolumeMode:       &mode,
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: in.profile.Request(diskBytes(cr), mode)},
			},
		},
	}
}

// diskBytes is the size of the disk, in whole sectors.
func diskBytes(cr *v1alpha1.DiskImport) int64 {
	const sector = 512
	return (cr.Spec.ForProvider.Target.Size.Value() + sector - 1) / sector * sector
}

func objectMeta(cr *v1alpha1.DiskImport) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   cr.GetNamespace(),
		Name:        moverName(cr),
		Labels:      labels(cr),
		Annotations: annotations(cr),
	}
}

// document renders the job document, which holds no secret.
func document(cr *v1alpha1.DiskImport, in inputs) transfer.Job {
	p := cr.Spec.ForProvider
	d := transfer.Job{
		Version:      transfer.JobVersion,
		ID:           string(cr.GetUID()),
		Operation:    transfer.OperationImport,
		Source:       transfer.Source{HTTP: httpSource(p.Source.HTTP, in.files)},
		Format:       transfer.Format(p.Format),
		Verification: transfer.Verification{Checksum: p.Verification.Checksum},
		Destination:  transfer.Destination{Path: deviceDisk, Size: diskBytes(cr)},
		Limits:       limits(cr, in.settings),
		Policy:       policy(in),
	}
	if in.volumeMode(cr) == corev1.PersistentVolumeFilesystem {
		d.Destination.Path = path.Join(folderDisk, fileDisk)
		d.Destination.UID, d.Destination.GID = ptr.To(user), ptr.To(user)
		d.Destination.Mode = ptr.To(uint32(diskMode))
	}
	return d
}

func httpSource(src *v1alpha1.HTTPSource, files credentials.Files) *transfer.HTTPSource {
	if src == nil {
		return nil
	}
	out := &transfer.HTTPSource{URL: src.URL}
	for _, h := range src.Headers {
		out.Headers = append(out.Headers, transfer.Header{Name: h.Name, Value: h.Value})
	}
	if files.Credentials() {
		out.CredentialsDir = folderCredentials
	}
	if len(files[credentials.FileCA]) > 0 {
		out.CAFile = path.Join(folderCA, credentials.FileCA)
	}
	return out
}

// limits are the DiskImport's, within those of the configuration.
func limits(cr *v1alpha1.DiskImport, s configv1alpha1.Settings) transfer.Limits {
	t := cr.Spec.ForProvider.Transfer
	return transfer.Limits{
		Connections:    int(least(int64(ptr.Deref(t.Connections, 0)), int64(ptr.Deref(s.Mover.Connections, 0)))),
		BytesPerSecond: least(bytesOf(t.BandwidthLimit), bytesOf(s.Mover.BandwidthLimit)),
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

func policy(in inputs) transfer.Policy {
	p := in.settings.Policy
	return transfer.Policy{
		AllowedHosts:    p.AllowedHosts,
		AllowedNetworks: p.AllowedNetworks,
		DeniedNetworks:  append(in.networks[:len(in.networks):len(in.networks)], p.DeniedNetworks...),
		RefusePlainHTTP: p.RefusePlainHTTP,
		RequireChecksum: p.RequireChecksum,
		MaxVirtualSize:  bytesOf(p.MaxVirtualSize),
	}
}

// desiredSecret renders what the mover gets mounted.
func desiredSecret(cr *v1alpha1.DiskImport, in inputs) (*corev1.Secret, error) {
	doc, err := json.Marshal(document(cr, in))
	if err != nil {
		return nil, errors.Wrap(err, "cannot write job document")
	}
	f, err := fingerprintOf(cr, in.files, in.settings, in.image)
	if err != nil {
		return nil, err
	}
	stamp, err := json.Marshal(f)
	if err != nil {
		return nil, errors.Wrap(err, "cannot write fingerprint")
	}
	data := map[string][]byte{keyJob: doc, keyFingerprint: stamp}
	for name, b := range in.files {
		data[name] = b
	}
	return &corev1.Secret{ObjectMeta: objectMeta(cr), Data: data}, nil
}

// retuned is the mover with the limits, deadline and retries that the
// DiskImport asks for now, and all else as it is.
func retuned(cr *v1alpha1.DiskImport, s configv1alpha1.Settings, m moverjob.State) (moverjob.Run, error) {
	job := m.Job.DeepCopy()
	job.Spec.ActiveDeadlineSeconds, job.Spec.BackoffLimit = deadline(cr), retries(cr)
	secret := m.Secret.DeepCopy()
	doc := transfer.Job{}
	if err := json.Unmarshal(secret.Data[keyJob], &doc); err != nil {
		return moverjob.Run{}, errors.Wrap(err, "cannot read job document")
	}
	doc.Limits = limits(cr, s)
	b, err := json.Marshal(doc)
	secret.Data[keyJob] = b
	return moverjob.Run{Job: job, Secret: secret}, errors.Wrap(err, "cannot write job document")
}

func deadline(cr *v1alpha1.DiskImport) *int64 {
	d := defaultDeadline
	if t := cr.Spec.ForProvider.Transfer.Deadline; t != nil {
		d = t.Duration
	}
	return ptr.To(int64(d / time.Second))
}

func retries(cr *v1alpha1.DiskImport) *int32 {
	return ptr.To(ptr.Deref(cr.Spec.ForProvider.Transfer.Retries, defaultRetries))
}

// desiredJob renders the Job. A terminal exit code ends it at once; a
// disruption does not count as an attempt. A pod is replaced only when it is
// gone for good: two movers must not write one volume.
func desiredJob(cr *v1alpha1.DiskImport, in inputs) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: objectMeta(cr),
		Spec: batchv1.JobSpec{
			BackoffLimit:          retries(cr),
			ActiveDeadlineSeconds: deadline(cr),
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
				ObjectMeta: metav1.ObjectMeta{Labels: labels(cr), Annotations: annotations(cr)},
				Spec:       podSpec(cr, in),
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
