// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// exportSuffix is what the name and the key of a DiskExport end in: it follows
// from where the artifact goes, so that another target is another DiskExport.
func exportSuffix(de *diskv1alpha1.DiskExport) string {
	p := de.Spec.ForProvider
	sum := sha256.Sum256([]byte(strings.Join(append(where(p.Target), string(p.Format)), "\x00")))
	return "-" + hex.EncodeToString(sum[:4])
}

// exportKey is the key of a disk's DiskExport among the composed resources.
func exportKey(d vmv1alpha1.Disk, de *diskv1alpha1.DiskExport) string {
	return "export-" + d.Name + exportSuffix(de)
}

// export decides about the target of a disk whose claim o is about. It never
// changes what is decided about the disk itself. A DiskExport to a target that
// the disk had before is not desired any more: what it has made stays.
func (o *outcome) export(in Input, d vmv1alpha1.Disk) {
	target, sentence := exportTarget(in, d)
	want := desiredExport(in, d, target)
	have := in.Exports[exportKey(d, want)]
	switch {
	case sentence != "":
		o.refuseExport(in, d, sentence)
	case have != nil:
		o.observeExport(have)
		o.desire(exportKey(d, want), Desired{Object: want, Ready: exportReady(have)})
	case o.state != bound:
		o.awaitExport("", "it is exported when the disk is ready")
	default:
		o.beginExport(in, d, want)
	}
}

// beginExport is about a target whose DiskExport is not there yet.
func (o *outcome) beginExport(in Input, d vmv1alpha1.Disk, want *diskv1alpha1.DiskExport) {
	need := Need{GVK: diskv1alpha1.DiskExportGroupVersionKind(), Namespace: in.Wukong.GetNamespace(), Name: want.GetName()}
	o.needs = append(o.needs, need)
	is, known := free(in, need)
	if known && !is {
		o.refuseExport(in, d, fmt.Sprintf(
			"a DiskExport %s that does not belong to this Wukong is there already; rename the disk or delete that DiskExport", want.GetName()))
		return
	}
	o.awaitExport(waitingForExport, diskv1alpha1.MessageStarting)
	if known {
		o.desire(exportKey(d, want), Desired{Object: want})
	}
}

// awaitExport says that the export has not begun, and what the disk waits for.
func (o *outcome) awaitExport(exporting, sentence string) {
	o.exporting = exporting
	o.volume.ExportStatus = &vmv1alpha1.ExportStatus{Phase: vmv1alpha1.ExportPending, Progress: percentage(0), Message: sentence}
}

// refuseExport says that the disk is not exported as it is written. The disk
// itself is prepared all the same, and an export that was composed earlier
// stays.
func (o *outcome) refuseExport(in Input, d vmv1alpha1.Disk, sentence string) {
	sentence = "exportTarget: " + sentence
	o.refused = true
	o.volume.ExportStatus = &vmv1alpha1.ExportStatus{Phase: vmv1alpha1.ExportFailed, Progress: percentage(0)}
	for _, key := range slices.Sorted(maps.Keys(in.Exports)) {
		if have := in.Exports[key]; have.GetLabels()[LabelDisk] == d.Name {
			o.observeExport(have)
			o.desire(key, Desired{Object: keepExport(in, d, have), Ready: exportReady(have)})
		}
	}
	o.problems = append(o.problems, sentence)
	o.volume.ExportStatus.Message = sentence
}

// exportTarget is where a disk goes; the sentence says why it cannot go there.
func exportTarget(in Input, d vmv1alpha1.Disk) (t diskv1alpha1.ExportTarget, sentence string) {
	e := d.ExportTarget
	if e.Mode == "Incremental" {
		return t, "mode Incremental is not in this release; write mode: Full, or leave it out"
	}
	switch e.Type {
	case vmv1alpha1.TargetS3:
		var o diskv1alpha1.S3Object
		o, sentence = s3Object(e.S3Place, e.URL)
		t.S3 = &o
	case vmv1alpha1.TargetRegistry:
		r := diskv1alpha1.RegistryTarget{RegistryAccess: registryAccess(e.RegistryConfig)}
		r.Image, sentence = imageName(e.URL)
		if sentence == "" && digested(r.Image) {
			sentence = "write a tag, not a digest: the digest follows from the disk"
		}
		t.Registry = &r
	case vmv1alpha1.TargetHTTP:
		t.HTTP = &diskv1alpha1.HTTPTarget{HTTPSource: webServer(e.URL, e.HTTPConfig), Method: diskv1alpha1.MethodPut}
		if !hasHost(e.URL) {
			sentence = fmt.Sprintf("write a whole url with a host, not %q", e.URL)
		}
	case vmv1alpha1.TargetPVC:
		file := e.PVCConfig.Path
		if file == "" {
			file = in.Wukong.GetName() + "/" + d.Name + suffix(e)
		}
		t.PVC = &diskv1alpha1.ClaimTarget{Name: string(e.PVCConfig.Name), Path: path.Clean(file)}
		if t.PVC.Path == "." || t.PVC.Name == objectMeta(in, d).Name {
			sentence = "name another claim than the disk's own, and a file on it"
		}
	default:
		sentence = fmt.Sprintf("type %s is not in this release", e.Type)
	}
	return t, sentence
}

// digested reports whether the name of an image ends in a digest.
func digested(image string) bool { return matches("@", image) }

func suffix(e *vmv1alpha1.ExportTarget) string {
	if e.Format == "raw" {
		return ".raw"
	}
	return ".qcow2"
}

// desiredExport is the DiskExport that a disk asks for.
func desiredExport(in Input, d vmv1alpha1.Disk, t diskv1alpha1.ExportTarget) *diskv1alpha1.DiskExport {
	de := newExport(in, d)
	p := &de.Spec.ForProvider
	p.Source.PVC = &diskv1alpha1.ObjectSource{Name: de.GetName()}
	p.Target = t
	p.Trigger = trigger(in, d)
	p.Format = map[string]diskv1alpha1.ArtifactFormat{
		"raw": diskv1alpha1.ArtifactRaw, "qcow2": diskv1alpha1.ArtifactQCOW2, "oci": diskv1alpha1.ArtifactOCI,
	}[d.ExportTarget.Format]
	switch {
	case p.Format == "" && t.Registry != nil:
		p.Format = diskv1alpha1.ArtifactOCI
	case p.Format == "":
		p.Format = diskv1alpha1.ArtifactQCOW2
	}
	de.SetName(de.GetName() + exportSuffix(de))
	return de
}

// trigger is what runs an export again: the disk's own, and the one that is
// annotated on the Wukong, for all of its disks.
func trigger(in Input, d vmv1alpha1.Disk) string {
	const most = 128 // bytes, beside the disk's own
	all := in.Wukong.GetAnnotations()[vmv1alpha1.AnnotationExport]
	all = strings.ToValidUTF8(all[:min(len(all), most)], "")
	return strings.Trim(d.ExportTarget.Trigger+" "+all, " ")
}

func newExport(in Input, d vmv1alpha1.Disk) *diskv1alpha1.DiskExport {
	de := &diskv1alpha1.DiskExport{ObjectMeta: objectMeta(in, d)}
	de.SetGroupVersionKind(diskv1alpha1.DiskExportGroupVersionKind())
	de.SetProviderConfigReference(&xpv2.ProviderConfigReference{Kind: configKind, Name: configName})
	return de
}

// keepExport is the DiskExport as it was composed earlier.
func keepExport(in Input, d vmv1alpha1.Disk, have *diskv1alpha1.DiskExport) *diskv1alpha1.DiskExport {
	de := newExport(in, d)
	de.SetName(have.GetName())
	p, h := &de.Spec.ForProvider, have.Spec.ForProvider
	p.Source, p.Target, p.Format, p.Trigger = h.Source, h.Target, h.Format, h.Trigger
	return de
}

// where is the place of a target.
func where(t diskv1alpha1.ExportTarget) []string {
	switch {
	case t.S3 != nil:
		return whereInS3(*t.S3)
	case t.Registry != nil:
		return []string{t.Registry.Image}
	case t.HTTP != nil:
		return []string{t.HTTP.URL}
	case t.PVC != nil:
		return []string{t.PVC.Name, t.PVC.Path}
	}
	return nil
}

// exportReady reports whether the artifact of a DiskExport is there.
func exportReady(have *diskv1alpha1.DiskExport) bool {
	return have.GetCondition(xpv2.TypeReady).Status == corev1.ConditionTrue
}

// observeExport says where an export stands whose DiskExport is there.
func (o *outcome) observeExport(have *diskv1alpha1.DiskExport) {
	at := have.Status.AtProvider
	s := &vmv1alpha1.ExportStatus{Phase: vmv1alpha1.ExportPhase(at.Phase), Message: at.Message}
	o.volume.ExportStatus = s
	var percent int32
	if at.Progress != nil {
		percent = at.Progress.Percent
	}
	switch at.Phase {
	case diskv1alpha1.ExportPhaseSucceeded:
		percent = 100
	case diskv1alpha1.ExportPhasePending, diskv1alpha1.ExportPhaseExporting, diskv1alpha1.ExportPhaseFailed:
		percent = min(percent, 99)
		o.exporting = waitingForExport
	default:
		s.Phase, s.Message = vmv1alpha1.ExportPending, diskv1alpha1.MessageStarting
		o.exporting = waitingForExport
	}
	s.Progress = percentage(percent)
	if sentence := hindrance(have, at.Phase == diskv1alpha1.ExportPhaseFailed, at.Message); sentence != "" {
		o.problems = append(o.problems, "exportTarget: "+sentence)
		s.Message = sentence
	}
}
