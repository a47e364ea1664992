// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// secretMode lets the group read, which is the mover's by fsGroup.
	secretMode = 0o440

	folderJob         = "/etc/wukong/job"
	folderCredentials = "/etc/wukong/credentials" //nolint:gosec // A folder's name.
	folderCA          = "/etc/wukong/ca"
	folderResume      = "/etc/wukong/resume"

	volumeJob         = "job"
	volumeCredentials = "credentials"
	volumeCA          = "ca"
	volumeResume      = "resume"
)

// podSpec renders the mover's pod: no token, no capabilities, nothing that can
// be written but the disks. It satisfies the restricted Pod Security Standard.
func (m Mover) podSpec() corev1.PodSpec {
	t, s := m.Transfer, m.Settings.Mover
	nodes := t.NodeSelector
	if len(nodes) == 0 {
		nodes = s.NodeSelector
	}
	priority := t.PriorityClassName
	if priority == "" {
		priority = s.PriorityClassName
	}
	return corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		AutomountServiceAccountToken: ptr.To(false),
		EnableServiceLinks:           ptr.To(false),
		ImagePullSecrets:             s.ImagePullSecrets,
		NodeSelector:                 nodes,
		Affinity:                     onNode(m.Node),
		Tolerations:                  append(t.Tolerations[:len(t.Tolerations):len(t.Tolerations)], s.Tolerations...),
		PriorityClassName:            priority,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser:           ptr.To[int64](User),
			RunAsGroup:          ptr.To[int64](User),
			RunAsNonRoot:        ptr.To(true),
			FSGroup:             ptr.To[int64](User),
			FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{m.container()},
		Volumes:    m.volumes(),
	}
}

// onNode is the affinity of a pod that must run on a node.
func onNode(name string) *corev1.Affinity {
	if name == "" {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{
				Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{name},
			}},
		}}},
	}}
}

func (m Mover) container() corev1.Container {
	r := m.resources()
	c := corev1.Container{
		Name:                     moverjob.ContainerName,
		Image:                    m.Image,
		Args:                     []string{"run", path.Join(folderJob, KeyJob)},
		Env:                      memoryEnvironment(r),
		Resources:                r,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			RunAsNonRoot:             ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: volumeJob, MountPath: folderJob, ReadOnly: true}},
	}
	if m.Files.Credentials() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeCredentials, MountPath: folderCredentials, ReadOnly: true})
	}
	if len(m.Files[credentials.FileCA]) > 0 {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeCA, MountPath: folderCA, ReadOnly: true})
	}
	if !m.Resume.None() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeResume, MountPath: folderResume, ReadOnly: true})
	}
	for _, d := range m.Disks {
		if d.Mode == corev1.PersistentVolumeBlock {
			c.VolumeDevices = append(c.VolumeDevices, corev1.VolumeDevice{Name: d.Volume, DevicePath: d.Path})
			continue
		}
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: d.Volume, MountPath: d.Path, ReadOnly: d.ReadOnly})
	}
	return c
}

// resources are the resource's own, else the configuration's, else the
// default: an import keeps within 256 MiB at any size of the image, an export
// within 384 MiB.
func (m Mover) resources() corev1.ResourceRequirements {
	if r := m.Transfer.Resources; r != nil {
		return *r
	}
	if r := m.Settings.Mover.Resources; r != nil {
		return *r
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("128Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
	}
}

func (m Mover) volumes() []corev1.Volume {
	var vs []corev1.Volume
	for _, d := range m.Disks {
		vs = append(vs, corev1.Volume{Name: d.Volume, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: d.Claim, ReadOnly: d.Untouched},
		}})
	}
	name := m.Meta.GetName()
	vs = append(vs, secretVolume(volumeJob, name, KeyJob))
	if m.Files.Credentials() {
		vs = append(vs, secretVolume(volumeCredentials, name, m.Files.Secret()...))
	}
	if len(m.Files[credentials.FileCA]) > 0 {
		vs = append(vs, secretVolume(volumeCA, name, credentials.FileCA))
	}
	if !m.Resume.None() {
		vs = append(vs, secretVolume(volumeResume, name, transfer.FileResumeKey, transfer.FileResumeState))
	}
	return vs
}

func secretVolume(volume, secret string, keys ...string) corev1.Volume {
	items := make([]corev1.KeyToPath, 0, len(keys))
	for _, k := range keys {
		items = append(items, corev1.KeyToPath{Key: k, Path: k})
	}
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secret, Items: items, DefaultMode: ptr.To[int32](secretMode)},
	}}
}
