// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Media types (image specification, "OCI Image Media Types", and those that
// Docker wrote before it).
const (
	mediaIndex          = "application/vnd.oci.image.index.v1+json"
	MediaManifest       = "application/vnd.oci.image.manifest.v1+json"
	MediaConfig         = "application/vnd.oci.image.config.v1+json"
	MediaLayer          = "application/vnd.oci.image.layer.v1.tar"
	mediaDockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	mediaDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	mediaDockerConfig   = "application/vnd.docker.container.image.v1+json"
	mediaDockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"

	annotationTitle = "org.opencontainers.image.title"
)

// Accepted is the Accept header of a request for a manifest.
const Accepted = MediaManifest + ", " + mediaIndex + ", " + mediaDockerManifest + ", " + mediaDockerIndex

// A Descriptor names a blob or a manifest (image specification, "OCI Content
// Descriptors").
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Platform     *Platform         `json:"platform,omitempty"`
}

// A Manifest is an image's, or an index of several.
type Manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	Config        Descriptor   `json:"config,omitzero"`
	Layers        []Descriptor `json:"layers,omitempty"`
	Manifests     []Descriptor `json:"manifests,omitempty"`
}

func (m Manifest) index() bool {
	return m.MediaType == mediaIndex || m.MediaType == mediaDockerIndex || m.MediaType == "" && len(m.Manifests) > 0
}

// image reports whether a manifest is a container's image, whose layers are
// archives, and no artifact.
func (m Manifest) image() bool {
	return m.Config.MediaType == MediaConfig || m.Config.MediaType == mediaDockerConfig
}

// archive reports whether a layer is a tar archive.
func (d Descriptor) archive() bool {
	return strings.HasPrefix(d.MediaType, MediaLayer) || strings.HasPrefix(d.MediaType, mediaDockerLayer)
}

// disk reports whether an artifact's layer says that it is a disk: by its media
// type, such as application/vnd.kubevirt.disk.raw+zstd,
// application/vnd.diskimage.raw.gzip, application/vnd.lfedge.disk.layer.v1+qcow2
// or application/x-qcow2, or by the name of the file that it was.
func (d Descriptor) disk() bool {
	kind := strings.ToLower(d.MediaType)
	if i := strings.LastIndexByte(kind, '/'); i >= 0 {
		kind = kind[i+1:]
	}
	words := strings.FieldsFunc(kind, func(r rune) bool { return strings.ContainsRune(".+-_", r) })
	for _, w := range words {
		switch w {
		case "disk", "diskimage", "qcow2", "raw", "iso", "iso9660":
			return true
		}
	}
	return diskName(d.Annotations[annotationTitle])
}

func diskName(title string) bool {
	title = strings.ToLower(title)
	for _, packed := range []string{".gz", ".xz", ".zst", ".zstd"} {
		title = strings.TrimSuffix(title, packed)
	}
	for _, ending := range []string{".qcow2", ".qcow", ".img", ".raw", ".iso", ".vmdk", ".vhd", ".vhdx", ".vdi"} {
		if strings.HasSuffix(title, ending) {
			return true
		}
	}
	return false
}

// name is how messages tell a layer from others.
func (d Descriptor) name() string {
	if title := d.Annotations[annotationTitle]; title != "" {
		return fmt.Sprintf("%.80q (%.80s)", title, d.MediaType)
	}
	return fmt.Sprintf("%.19s (%.80s)", d.Digest, d.MediaType)
}

// check refuses a descriptor of which no blob can be verified.
func (d Descriptor) check() error {
	algorithm, sum, _ := strings.Cut(d.Digest, ":")
	if raw, err := hex.DecodeString(sum); algorithm != "sha256" || err != nil || len(raw) != sha256.Size || d.Size < 0 {
		return refuse("its manifest names a blob by %.100q with %d bytes: a sha256 digest and a size are wanted", d.Digest, d.Size)
	}
	return nil
}

// DigestOf is the digest of a blob in memory, "sha256:…".
func DigestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// parse reads a manifest. Its media type is its own, or what the answer said
// where it has none.
func parse(b []byte, contentType string) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, refuse("its manifest is not JSON: %w", err)
	}
	if m.MediaType == "" {
		m.MediaType, _, _ = strings.Cut(contentType, ";")
	}
	switch m.MediaType {
	case mediaIndex, mediaDockerIndex, MediaManifest, mediaDockerManifest:
		return m, nil
	}
	if m.SchemaVersion == 2 && (len(m.Layers) > 0 || len(m.Manifests) > 0) {
		return m, nil
	}
	return Manifest{}, refuse("its manifest is of the media type %.100q, which is no image's", m.MediaType)
}

func refuse(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonFormatRefused, fmt.Errorf("cannot import the image: "+format, args...))
}
