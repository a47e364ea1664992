// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"path"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// diskMode is the mode of disk.img, as KubeVirt wants it.
	diskMode = 0o660

	// folderDisk and fileDisk are where KubeVirt expects a disk in a volume;
	// deviceDisk is where a block volume appears.
	folderDisk = "/disk"
	fileDisk   = "disk.img"
	deviceDisk = "/dev/wukong"

	// folderOrigin and deviceOrigin are where a claim appears that is copied.
	folderOrigin = "/origin"
	deviceOrigin = "/dev/wukong-origin"

	volumeDisk   = "disk"
	volumeOrigin = "origin"
)

// inputs are what a mover depends on beside its DiskImport.
type inputs struct {
	settings configv1alpha1.Settings
	files    credentials.Files
	profile  volume.Profile

	// networks may not be read from.
	networks []string
	image    string

	// origin is the disk that is cloned, of a source that is one.
	origin origin.Disk
}

// volumeMode of the claim.
func (in inputs) volumeMode(cr *v1alpha1.DiskImport) corev1.PersistentVolumeMode {
	return ptr.Deref(cr.Spec.ForProvider.Target.VolumeMode, in.profile.VolumeMode)
}

// desiredRun renders the mover for a DiskImport.
func desiredRun(cr *v1alpha1.DiskImport, in inputs) (moverjob.Run, error) {
	stamp, err := fingerprintOf(cr, in.files, in.settings, in.image)
	if err != nil {
		return moverjob.Run{}, err
	}
	disk := workload.Disk{Volume: volumeDisk, Claim: moverName(cr), Mode: in.volumeMode(cr), Path: folderDisk}
	if disk.Mode == corev1.PersistentVolumeBlock {
		disk.Path = deviceDisk
	}
	return workload.Mover{
		Meta:     objectMeta(cr),
		Document: document(cr, in),
		Files:    in.files,
		Stamp:    stamp,
		Transfer: cr.Spec.ForProvider.Transfer,
		Settings: in.settings,
		Image:    in.image,
		Disks:    append([]workload.Disk{disk}, originDisks(in)...),
		Node:     in.origin.Node(),
	}.Run()
}

// originDisks are the claims that are copied, mounted so that nobody can write
// to them.
func originDisks(in inputs) []workload.Disk {
	if in.origin.Claim.Name == "" {
		return nil
	}
	d := workload.Disk{
		Volume: volumeOrigin, Claim: in.origin.Claim.Name, Mode: in.origin.Usage.Mode(), Path: folderOrigin,
		ReadOnly: true, Untouched: true,
	}
	if d.Mode == corev1.PersistentVolumeBlock {
		d.Path = deviceOrigin
	}
	return []workload.Disk{d}
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
		Source:       source(p.Source, in),
		Format:       transfer.Format(p.Format),
		Verification: transfer.Verification{Checksum: p.Verification.Checksum},
		Destination:  transfer.Destination{Path: deviceDisk, Size: diskBytes(cr)},
		Limits:       workload.Limits(p.Transfer, in.settings),
		Policy:       workload.Policy(in.settings, in.networks),
	}
	if p.Source.PVC != nil {
		// Who can write to a disk must not choose the format that it is read
		// in, and nobody publishes its checksum.
		d.Format, d.Policy.RequireChecksum = transfer.FormatRaw, false
	}
	if in.volumeMode(cr) == corev1.PersistentVolumeFilesystem {
		d.Destination.Path = path.Join(folderDisk, fileDisk)
		d.Destination.UID, d.Destination.GID = ptr.To(workload.User), ptr.To(workload.User)
		d.Destination.Mode = ptr.To(uint32(diskMode))
	}
	return d
}

// source is where the image is, as the mover finds it.
func source(s v1alpha1.ImportSource, in inputs) transfer.Source {
	files := in.files
	switch {
	case s.PVC != nil && in.origin.Usage.Mode() == corev1.PersistentVolumeBlock:
		return transfer.Source{File: &transfer.FileSource{Path: deviceOrigin}}
	case s.PVC != nil:
		return transfer.Source{File: &transfer.FileSource{Path: path.Join(folderOrigin, fileDisk)}}
	case s.HTTP != nil:
		return transfer.Source{HTTP: ptr.To(workload.HTTP(*s.HTTP, files))}
	case s.S3 != nil:
		o := workload.S3(s.S3.S3Object, files)
		o.VersionID = s.S3.VersionID
		return transfer.Source{S3: &o}
	case s.Registry != nil:
		r := workload.Registry(s.Registry.Image, s.Registry.RegistryAccess, files)
		r.Platform = s.Registry.Platform
		return transfer.Source{Registry: &r}
	}
	return transfer.Source{}
}

// retuned is the mover with what may change while it runs as the DiskImport
// asks for it now. Credentials that the mover reads again are part of that.
func retuned(cr *v1alpha1.DiskImport, v view, s configv1alpha1.Settings) (moverjob.Run, error) {
	t := workload.Tuning{Transfer: cr.Spec.ForProvider.Transfer, Settings: s}
	if renewable(cr) && v.want != nil {
		t.Files, t.Credentials = v.files, v.want.Credentials
	}
	return workload.Retuned(v.mover, t)
}
