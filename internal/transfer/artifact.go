// SPDX-License-Identifier: Apache-2.0

package transfer

// An Artifact is what an export makes of a disk, and where it goes: exactly
// one of the members S3, Registry, HTTP and File is set.
type Artifact struct {
	Format      ArtifactFormat `json:"format"`
	Compression Compression    `json:"compression,omitzero"`

	// ReadBack reads the whole artifact from its place when it is there, and
	// compares. Otherwise size and checksum are compared with what the place
	// says of them.
	ReadBack bool `json:"readBack,omitempty"`

	// Earlier is what an export has made before, for a registry. If that was made
	// of the same disk and in the same way, the image gets the tag and its layer
	// is not sent again.
	Earlier *EarlierImage `json:"earlier,omitempty"`

	S3       *S3Object      `json:"s3,omitempty"`
	Registry *RegistryImage `json:"registry,omitempty"`
	HTTP     *HTTPUpload    `json:"http,omitempty"`
	File     *FileTarget    `json:"file,omitempty"`
}

// An EarlierImage is an image that an export has made before.
type EarlierImage struct {
	// Image names it by its digest: registry/repository@sha256:….
	Image string `json:"image"`

	// ContentDigest of the disk of which it was made, as in ArtifactFacts.
	ContentDigest string `json:"contentDigest"`
}

// A FileTarget is a file of this machine that an export makes.
type FileTarget struct {
	Path string `json:"path"`

	// UID, GID and Mode of the file. Nil: as the process makes it.
	UID  *int    `json:"uid,omitempty"`
	GID  *int    `json:"gid,omitempty"`
	Mode *uint32 `json:"mode,omitempty"`
}

// An ArtifactFormat is the format of what an export makes.
type ArtifactFormat string

// The formats that an export makes.
const (
	// ArtifactRaw is the bytes of the disk, perhaps compressed.
	ArtifactRaw ArtifactFormat = "Raw"

	// ArtifactQCOW2 is a self-contained qcow2 v3 image.
	ArtifactQCOW2 ArtifactFormat = "QCOW2"

	// ArtifactOCI is a KubeVirt containerDisk: an OCI image whose one layer
	// holds one disk under /disk.
	ArtifactOCI ArtifactFormat = "OCI"
)

// ArtifactFormats lists every format that an export makes.
func ArtifactFormats() []ArtifactFormat {
	return []ArtifactFormat{ArtifactRaw, ArtifactQCOW2, ArtifactOCI}
}

// A Compression says how an artifact is compressed.
type Compression struct {
	// Algorithm; empty means CompressionZstd for QCOW2 and OCI,
	// CompressionNone for Raw.
	Algorithm Algorithm `json:"algorithm,omitempty"`

	// Level is the algorithm's own: 1 to 19 for Zstd, 1 to 9 for Gzip and
	// Zlib. Zero: a default that is fast and near the best.
	Level int `json:"level,omitempty"`
}

// An Algorithm compresses.
type Algorithm string

// The algorithms. Raw knows Zstd (independent frames and a seek table), Gzip
// (many members) and None; QCOW2 Zstd, Zlib and None, for its clusters; OCI Zstd, Gzip
// and None, for its layer.
const (
	CompressionNone Algorithm = "None"
	CompressionZstd Algorithm = "Zstd"
	CompressionZlib Algorithm = "Zlib"
	CompressionGzip Algorithm = "Gzip"
)

// Algorithms lists what a format can be compressed with, its default first.
func (f ArtifactFormat) Algorithms() []Algorithm {
	switch f {
	case ArtifactRaw:
		return []Algorithm{CompressionNone, CompressionZstd, CompressionGzip}
	case ArtifactQCOW2:
		return []Algorithm{CompressionZstd, CompressionZlib, CompressionNone}
	case ArtifactOCI:
		return []Algorithm{CompressionZstd, CompressionGzip, CompressionNone}
	}
	return nil
}

// ArtifactFacts is what an export made.
type ArtifactFacts struct {
	// URI of the artifact: s3://bucket/key, docker://image@digest, the URL, or
	// the path. It holds no secret.
	URI string `json:"uri,omitempty"`

	Format ArtifactFormat `json:"format,omitempty"`

	// Digest of the artifact's bytes, "sha256:…"; of an image, its
	// manifest's. Where the artifact's first bytes are known last and it is
	// not read back, "crc64nvme:…", which its store has compared.
	Digest string `json:"digest,omitempty"`

	// Size of the artifact in bytes; of an image, its layer's.
	Size int64 `json:"size,omitempty"`

	// ContentDigest of the disk's raw bytes, "fsverity:sha256:…": that of
	// Linux's fs-verity with SHA-256 and blocks of 4096 bytes.
	ContentDigest string `json:"contentDigest,omitempty"`

	// Validator that the place gave it (an ETag), and the version, where the
	// bucket keeps versions.
	Validator string `json:"validator,omitempty"`
	VersionID string `json:"versionID,omitempty"`
}
