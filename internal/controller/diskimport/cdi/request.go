// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/dockerconfig"
)

const (
	// annotationBind has CDI fill the claim at once. Otherwise it waits for a
	// pod that uses it, and nobody uses a disk that is not whole.
	annotationBind = "cdi.kubevirt.io/storage.bind.immediate.requested"

	// keyUser and keyPassword are where CDI reads credentials in a Secret.
	keyUser     = "accessKeyId"
	keyPassword = "secretKey"
)

// Labels are those that CDI puts on its pods.
func Labels() map[string]string { return map[string]string{"app": "containerized-data-importer"} }

// A Request is what CDI is asked for.
type Request struct {
	// Meta names the DataVolume, and the Secret and ConfigMap that it refers to.
	// CDI copies its labels and annotations to the claim.
	Meta metav1.ObjectMeta

	// Claim that is filled.
	Claim corev1.PersistentVolumeClaimSpec

	Source   v1alpha1.ImportSource
	Checksum string
	Priority string

	// Origin is the disk that is cloned, of a source that is one.
	Origin origin.Disk

	// Files are what the source refers to.
	Files credentials.Files
}

// Run renders the DataVolume, and the ConfigMap that it refers to.
func (r Request) Run() (datavolume.Run, error) {
	source, err := r.source()
	if err != nil {
		return datavolume.Run{}, err
	}
	meta := *r.Meta.DeepCopy()
	metav1.SetMetaDataAnnotation(&meta, annotationBind, "true")
	run := datavolume.Run{DataVolume: &cdiv1.DataVolume{
		ObjectMeta: meta,
		Spec:       cdiv1.DataVolumeSpec{Source: source, PVC: r.Claim.DeepCopy(), PriorityClassName: r.Priority},
	}}
	if r.trust() != "" {
		run.Trust = &corev1.ConfigMap{
			ObjectMeta: *r.Meta.DeepCopy(),
			Data:       map[string]string{credentials.FileCA: string(r.Files[credentials.FileCA])},
		}
	}
	return run, nil
}

func (r Request) source() (*cdiv1.DataVolumeSource, error) {
	switch s := r.Source; {
	case r.Origin.Claim.Name != "":
		return &cdiv1.DataVolumeSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: r.Origin.Claim.Namespace, Name: r.Origin.Claim.Name}}, nil
	case r.Origin.Snapshot.Name != "":
		return &cdiv1.DataVolumeSource{Snapshot: &cdiv1.DataVolumeSourceSnapshot{Namespace: r.Origin.Snapshot.Namespace, Name: r.Origin.Snapshot.Name}}, nil
	case s.HTTP != nil:
		h := &cdiv1.DataVolumeSourceHTTP{URL: s.HTTP.URL, SecretRef: r.secret(), CertConfigMap: r.trust(), Checksum: r.Checksum}
		for _, e := range s.HTTP.Headers {
			h.ExtraHeaders = append(h.ExtraHeaders, e.Name+": "+e.Value)
		}
		return &cdiv1.DataVolumeSource{HTTP: h}, nil
	case s.S3 != nil:
		u, err := url.Parse(s.S3.Endpoint)
		if err != nil {
			return nil, errors.New("cannot read the endpoint of the s3 source as a URL")
		}
		return &cdiv1.DataVolumeSource{S3: &cdiv1.DataVolumeSourceS3{
			URL: u.JoinPath(s.S3.Bucket, s.S3.Key).String(), SecretRef: r.secret(), CertConfigMap: r.trust(),
		}}, nil
	case s.Registry != nil:
		o := &cdiv1.DataVolumeSourceRegistry{URL: ptr.To(cdiv1.RegistrySchemeDocker + "://" + s.Registry.Image)}
		if n := r.secret(); n != "" {
			o.SecretRef = &n
		}
		if n := r.trust(); n != "" {
			o.CertConfigMap = &n
		}
		if _, architecture, ok := strings.Cut(s.Registry.Platform, "/"); ok {
			o.Platform = &cdiv1.PlatformOptions{Architecture: architecture}
		}
		return &cdiv1.DataVolumeSource{Registry: o}, nil
	}
	return nil, errors.New("cannot import: the source has no member")
}

// secret is the name of the Secret with the credentials, or "".
func (r Request) secret() string {
	if len(Keys(r.Source, r.Files)) == 0 {
		return ""
	}
	return r.Meta.Name
}

// trust is the name of the ConfigMap with certificate authorities, or "".
func (r Request) trust() string {
	if len(r.Files[credentials.FileCA]) == 0 {
		return ""
	}
	return r.Meta.Name
}

// Keys are the credentials as CDI reads them from a Secret.
func Keys(s v1alpha1.ImportSource, files credentials.Files) map[string][]byte {
	user, password := files[credentials.FileUsername], files[credentials.FilePassword]
	if s.S3 != nil {
		user, password = files[credentials.FileAccessKeyID], files[credentials.FileSecretAccessKey]
	}
	if c := login(s, files); c.Username != "" {
		user, password = []byte(c.Username), []byte(c.Password)
	}
	if len(user) == 0 {
		return nil
	}
	return map[string][]byte{keyUser: user, keyPassword: password}
}

// login is what a docker configuration says of the image's registry.
func login(s v1alpha1.ImportSource, files credentials.Files) dockerconfig.Credentials {
	b := files[credentials.FileDockerConfig]
	if s.Registry == nil || len(b) == 0 {
		return dockerconfig.Credentials{}
	}
	// What cannot be read was refused with the Secret.
	config, _ := dockerconfig.Parse(b)
	c, _, _ := config.Find(dockerconfig.Of(s.Registry.Image))
	return c
}
