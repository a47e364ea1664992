// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
)

// podSpec renders the mover's pod: no token, no capabilities, nothing that can
// be written but the disk. It satisfies the restricted Pod Security Standard.
func podSpec(cr *v1alpha1.DiskImport, in inputs) corev1.PodSpec {
	t, m := cr.Spec.ForProvider.Transfer, in.settings.Mover
	nodes := t.NodeSelector
	if len(nodes) == 0 {
		nodes = m.NodeSelector
	}
	priority := t.PriorityClassName
	if priority == "" {
		priority = m.PriorityClassName
	}
	return corev1.PodSpec{
		RestartPolicy:                corev1.RestartPolicyNever,
		AutomountServiceAccountToken: ptr.To(false),
		EnableServiceLinks:           ptr.To(false),
		ImagePullSecrets:             m.ImagePullSecrets,
		NodeSelector:                 nodes,
		Tolerations:                  append(t.Tolerations[:len(t.Tolerations):len(t.Tolerations)], m.Tolerations...),
		PriorityClassName:            priority,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser:           ptr.To[int64](user),
			RunAsGroup:          ptr.To[int64](user),
			RunAsNonRoot:        ptr.To(true),
			FSGroup:             ptr.To[int64](user),
			FSGroupChangePolicy: ptr.To(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{container(cr, in)},
		Volumes:    volumes(cr, in),
	}
}

func container(cr *v1alpha1.DiskImport, in inputs) corev1.Container {
	r := resources(cr, in)
	c := corev1.Container{
		Name:                     moverjob.ContainerName,
		Image:                    in.image,
		Args:                     []string{"run", path.Join(folderJob, keyJob)},
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
	if in.files.Credentials() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeCredentials, MountPath: folderCredentials, ReadOnly: true})
	}
	if len(in.files[credentials.FileCA]) > 0 {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeCA, MountPath: folderCA, ReadOnly: true})
	}
	if in.volumeMode(cr) == corev1.PersistentVolumeBlock {
		c.VolumeDevices = []corev1.VolumeDevice{{Name: volumeDisk, DevicePath: deviceDisk}}
		return c
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volumeDisk, MountPath: folderDisk})
	return c
}

// resources are the DiskImport's, else the configuration's, else the default:
// the mover keeps within 256 MiB at any size of the image.
func resources(cr *v1alpha1.DiskImport, in inputs) corev1.ResourceRequirements {
	if r := cr.Spec.ForProvider.Transfer.Resources; r != nil {
		return *r
	}
	if r := in.settings.Mover.Resources; r != nil {
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

func volumes(cr *v1alpha1.DiskImport, in inputs) []corev1.Volume {
	name := moverName(cr)
	vs := []corev1.Volume{
		{Name: volumeDisk, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}},
		secretVolume(volumeJob, name, keyJob),
	}
	var keys []string
	for _, k := range []string{credentials.FileUsername, credentials.FilePassword, credentials.FileToken, credentials.FileHeaders} {
		if len(in.files[k]) > 0 {
			keys = append(keys, k)
		}
	}
	if in.files.Credentials() {
		vs = append(vs, secretVolume(volumeCredentials, name, keys...))
	}
	if len(in.files[credentials.FileCA]) > 0 {
		vs = append(vs, secretVolume(volumeCA, name, credentials.FileCA))
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
