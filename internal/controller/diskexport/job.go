// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// folderDisk and fileDisk are where a disk stands in a volume; deviceDisk
	// is where a block volume appears, folderTarget where the claim is mounted
	// on which an artifact is made.
	folderDisk   = "/disk"
	fileDisk     = "disk.img"
	deviceDisk   = "/dev/wukong"
	folderTarget = "/target"

	volumeDisk   = "disk"
	volumeTarget = "target"
)

// inputs are what a mover depends on beside its DiskExport.
type inputs struct {
	settings configv1alpha1.Settings
	files    credentials.Files

	// networks may not be reached.
	networks []string
	image    string

	// resume is what the attempts of a mover tell each other by.
	resume workload.Resume

	// earlier is what was made of the same source before.
	earlier *transfer.EarlierImage

	// targetNode is where the claim is in use that an artifact is made on.
	targetNode string
}

// desiredRun renders the mover for a DiskExport.
func desiredRun(cr *v1alpha1.DiskExport, v view, in inputs) (moverjob.Run, error) {
	stamp, err := fingerprintOf(cr, in)
	if err != nil {
		return moverjob.Run{}, err
	}
	meta := objectMeta(cr, moverName(cr))
	meta.Annotations[annotationConsistency] = string(v.plan.Consistency)
	disk := sourceDisk(cr, v)
	m := workload.Mover{
		Meta:     meta,
		Document: document(cr, disk, in),
		Files:    in.files,
		Resume:   in.resume,
		Stamp:    stamp,
		Transfer: cr.Spec.ForProvider.Transfer,
		Settings: in.settings,
		Image:    in.image,
		Disks:    append([]workload.Disk{disk}, targetDisks(cr.Spec.ForProvider.Target)...),
		Node:     in.targetNode,
	}
	if disk.Untouched && m.Node == "" {
		m.Node = v.origin.Node()
	}
	return m.Run()
}

// sourceDisk is the volume that is read. The disk's own is mounted so that
// nobody can write to it; a restored one so that its file system can recover
// from the moment at which it was taken.
func sourceDisk(cr *v1alpha1.DiskExport, v view) workload.Disk {
	d := workload.Disk{Volume: volumeDisk, Claim: v.origin.ClaimName(), Mode: v.origin.Mode, Path: folderDisk, ReadOnly: true, Untouched: true}
	if v.plan.Consistency == v1alpha1.ConsistencySnapshot {
		d.Claim, d.Untouched = moverName(cr), false
	}
	if d.Mode == corev1.PersistentVolumeBlock {
		d.Path = deviceDisk
	}
	return d
}

// targetDisks are the volumes that are written to.
func targetDisks(t v1alpha1.ExportTarget) []workload.Disk {
	if t.PVC == nil {
		return nil
	}
	return []workload.Disk{{Volume: volumeTarget, Claim: t.PVC.Name, Mode: corev1.PersistentVolumeFilesystem, Path: folderTarget}}
}

// document renders the job document, which holds no secret.
func document(cr *v1alpha1.DiskExport, d workload.Disk, in inputs) transfer.Job {
	file := d.Path
	if d.Mode != corev1.PersistentVolumeBlock {
		file = path.Join(d.Path, fileDisk)
	}
	a := artifactOf(cr.Spec.ForProvider, in.files)
	a.Earlier = in.earlier
	return transfer.Job{
		Version:   transfer.JobVersion,
		ID:        string(cr.GetUID()),
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: file}},
		Artifact:  a,
		Limits:    workload.Limits(cr.Spec.ForProvider.Transfer, in.settings),
		Policy:    policy(in),
	}
}

// policy is the configuration's, but for what only a source can be asked for.
func policy(in inputs) transfer.Policy {
	p := workload.Policy(in.settings, in.networks)
	p.RequireChecksum = false
	return p
}

// artifactOf is what is made, and where, as the mover finds it.
func artifactOf(p v1alpha1.DiskExportParameters, files credentials.Files) *transfer.Artifact {
	a := &transfer.Artifact{
		Format: transfer.ArtifactFormat(formatOf(p)),
		Compression: transfer.Compression{
			Algorithm: transfer.Algorithm(p.Compression.Algorithm),
			Level:     int(ptr.Deref(p.Compression.Level, 0)),
		},
		ReadBack: p.Verification == v1alpha1.VerifyReadBack,
	}
	switch t := p.Target; {
	case t.S3 != nil:
		a.S3 = ptr.To(workload.S3(*t.S3, files))
	case t.Registry != nil:
		a.Registry = ptr.To(workload.Registry(t.Registry.Image, t.Registry.RegistryAccess, files))
	case t.HTTP != nil:
		a.HTTP = &transfer.HTTPUpload{HTTPSource: workload.HTTP(t.HTTP.HTTPSource, files), Method: string(t.HTTP.Method)}
	case t.PVC != nil:
		a.File = &transfer.FileTarget{Path: path.Join(folderTarget, t.PVC.Path)}
	}
	return a
}

// formatOf is the format that is asked for, or the default for the target.
func formatOf(p v1alpha1.DiskExportParameters) v1alpha1.ArtifactFormat {
	switch {
	case p.Format != "":
		return p.Format
	case p.Target.Registry != nil:
		return v1alpha1.ArtifactOCI
	}
	return v1alpha1.ArtifactQCOW2
}

// desiredRestored renders the claim that is restored from a snapshot.
func desiredRestored(cr *v1alpha1.DiskExport, v view) *corev1.PersistentVolumeClaim {
	name := moverName(cr)
	if v.origin.Snapshot != nil {
		name = v.origin.Snapshot.Name
	}
	mode := v.origin.Mode
	p := &corev1.PersistentVolumeClaim{
		ObjectMeta: objectMeta(cr, moverName(cr)),
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			VolumeMode:  &mode,
			DataSource:  &corev1.TypedLocalObjectReference{APIGroup: ptr.To(snapshot.Group), Kind: "VolumeSnapshot", Name: name},
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: v.origin.Size},
			},
		},
	}
	if v.origin.StorageClass != "" {
		p.Spec.StorageClassName = ptr.To(v.origin.StorageClass)
	}
	return p
}

// desiredRemover renders the mover that removes what was made, or what an
// unfinished upload has left behind.
func desiredRemover(cr *v1alpha1.DiskExport, key types.NamespacedName, in inputs) (moverjob.Run, error) {
	doc := transfer.Job{
		Version:   transfer.JobVersion,
		ID:        string(cr.GetUID()),
		Operation: transfer.OperationRemove,
		Artifact:  artifactOf(cr.Spec.ForProvider, in.files),
		Policy:    policy(in),
	}
	if a := cr.Status.AtProvider.Artifact; a != nil && cr.Spec.ForProvider.Retention == v1alpha1.RetentionDelete {
		doc.Made = ptr.To(facts(a))
	}
	return workload.Mover{
		Meta:     objectMeta(cr, key.Name),
		Document: doc,
		Files:    in.files,
		Resume:   in.resume,
		Transfer: cr.Spec.ForProvider.Transfer,
		Settings: in.settings,
		Image:    in.image,
		Disks:    targetDisks(cr.Spec.ForProvider.Target),
		Node:     in.targetNode,
	}.Run()
}

// facts are what is known of an artifact, as a mover has them.
func facts(a *v1alpha1.ArtifactObservation) transfer.ArtifactFacts {
	return transfer.ArtifactFacts{
		URI: a.URI, Format: transfer.ArtifactFormat(a.Format), Digest: a.Digest, Size: a.Size,
		ContentDigest: a.ContentDigest, Validator: a.Validator, VersionID: a.VersionID,
	}
}

// fingerprintOf returns the fingerprint that a new mover would have. Contents
// of credentials that change are no other request: the mover reads them again.
// Other files are, because the pod mounts each by its name.
func fingerprintOf(cr *v1alpha1.DiskExport, in inputs) (workload.Fingerprint, error) {
	p := cr.Spec.ForProvider
	f := workload.Fingerprint{Trigger: p.Trigger}
	var err error
	f.Request, err = workload.Sum(struct {
		Source       v1alpha1.ExportSource
		Consistency  v1alpha1.Consistency
		Format       v1alpha1.ArtifactFormat
		Compression  v1alpha1.Compression
		Verification v1alpha1.ArtifactVerification
		Target       v1alpha1.ExportTarget
		workload.Placement
		Files []string
		CA    []byte
	}{
		p.Source, p.Consistency, p.Format, p.Compression, p.Verification, p.Target,
		workload.PlacementOf(p.Transfer), in.files.Secret(), in.files[credentials.FileCA],
	})
	if err != nil {
		return f, err
	}
	if f.Credentials, err = workload.Sum(in.files); err != nil {
		return f, err
	}
	f.Environment, err = workload.Environment(in.settings, in.image)
	return f, err
}

// retuned is the mover with what may change while it runs as the DiskExport
// asks for it now.
func retuned(cr *v1alpha1.DiskExport, v view, s configv1alpha1.Settings) (moverjob.Run, error) {
	t := workload.Tuning{Transfer: cr.Spec.ForProvider.Transfer, Settings: s, Resume: v.mover.Resume}
	if v.want != nil {
		t.Files, t.Credentials = v.files, v.want.Credentials
	}
	return workload.Retuned(v.mover, t)
}
