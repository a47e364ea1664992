// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/cdi"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// renewable reports whether the mover reads its credentials again when the
// source says that they have expired.
func renewable(cr *v1alpha1.DiskImport) bool { return cr.Spec.ForProvider.Source.S3 != nil }

// asked is the engine that is asked for, or "" where that is the default.
func asked(p v1alpha1.DiskImportParameters) v1alpha1.Engine {
	if p.Engine == v1alpha1.EngineAuto || p.Engine == v1alpha1.EngineMover && !cdi.Clones(p.Source) {
		return ""
	}
	return p.Engine
}

// fingerprintOf returns the fingerprint that a new mover would have.
func fingerprintOf(cr *v1alpha1.DiskImport, files credentials.Files, s configv1alpha1.Settings, image string) (workload.Fingerprint, error) {
	p := cr.Spec.ForProvider
	target := p.Target
	target.Labels, target.Annotations = nil, nil
	f := workload.Fingerprint{}

	// Files that are renewed while the mover runs are no other request, but
	// other names are: the pod mounts each by its name.
	request := files
	if renewable(cr) {
		request = credentials.Files{credentials.FileCA: files[credentials.FileCA]}
		for _, name := range files.Secret() {
			request[name] = nil
		}
		var err error
		if f.Credentials, err = workload.Sum(files); err != nil {
			return f, err
		}
	}
	var err error
	f.Request, err = workload.Sum(struct {
		Source       v1alpha1.ImportSource
		Verification v1alpha1.Verification
		Format       v1alpha1.ImageFormat
		Target       v1alpha1.Target
		workload.Placement
		Files  credentials.Files
		Engine v1alpha1.Engine `json:",omitempty"`
	}{p.Source, p.Verification, p.Format, target, workload.PlacementOf(p.Transfer), request, asked(p)})
	if err != nil {
		return f, err
	}
	f.Environment, err = workload.Environment(s, image)
	return f, err
}
