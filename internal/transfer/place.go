// SPDX-License-Identifier: Apache-2.0

package transfer

// A Source is where an image is read from: exactly one member is set.
type Source struct {
	HTTP     *HTTPSource    `json:"http,omitempty"`
	S3       *S3Object      `json:"s3,omitempty"`
	Registry *RegistryImage `json:"registry,omitempty"`
	File     *FileSource    `json:"file,omitempty"`
}

// An HTTPSource is an image behind an http or https URL.
type HTTPSource struct {
	// URL of the image. It holds no user information.
	URL string `json:"url"`

	// Headers that are sent with every request to the URL's own host. They
	// are not secret; secret ones stand in CredentialsDir.
	Headers []Header `json:"headers,omitempty"`

	// CredentialsDir is a folder with any of the files "username" and
	// "password", "token" (a bearer token), and "headers" (one "Name: value"
	// a line). Empty: no credentials.
	CredentialsDir string `json:"credentialsDir,omitempty"`

	// CAFile is a PEM bundle of certificate authorities that are trusted
	// beside the system's. Empty: the system's alone.
	CAFile string `json:"caFile,omitempty"`
}

// A Header is one HTTP request header.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A FileSource is an image in a file or on a block device of this machine.
type FileSource struct {
	Path string `json:"path"`
}

// An S3Object is one object in a bucket, as a source or as a target.
type S3Object struct {
	// Endpoint is the URL of the store; it is spoken to in path style. Empty:
	// AWS's own in Region.
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the bucket. Empty: us-east-1.
	Region string `json:"region,omitempty"`

	Bucket string `json:"bucket"`
	Key    string `json:"key"`

	// VersionID of a source in a versioned bucket. Empty: the current one.
	VersionID string `json:"versionID,omitempty"`

	// CredentialsDir is a folder with the files "accessKeyId" and
	// "secretAccessKey", and "sessionToken" where they are temporary. They are
	// read again when the store says that they have expired. Empty: the
	// environment's, as every AWS tool finds them; none: anonymous.
	CredentialsDir string `json:"credentialsDir,omitempty"`

	// CAFile is a PEM bundle of certificate authorities that are trusted
	// beside the system's.
	CAFile string `json:"caFile,omitempty"`
}

// A RegistryImage is an image in a registry (OCI distribution specification),
// as a source or as a target.
type RegistryImage struct {
	// Image is host[:port]/repository[:tag][@digest], without a scheme.
	Image string `json:"image"`

	// Platform chooses from an index: os/architecture[/variant]. Empty:
	// linux and the architecture that the mover runs on. For an export it is
	// what the image says of itself.
	Platform string `json:"platform,omitempty"`

	// PlainHTTP speaks http to the registry, not https.
	PlainHTTP bool `json:"plainHTTP,omitempty"`

	// CredentialsDir is a folder with ".dockerconfigjson" (or "config.json"),
	// as `docker login` writes it, or with "username" and "password"; or such a
	// configuration file. Empty: the docker configuration of the user; none:
	// anonymous.
	CredentialsDir string `json:"credentialsDir,omitempty"`

	// CAFile is a PEM bundle of certificate authorities that are trusted
	// beside the system's.
	CAFile string `json:"caFile,omitempty"`
}

// An HTTPUpload is a URL that takes a file.
type HTTPUpload struct {
	HTTPSource

	// Method is PUT or POST. Empty: PUT.
	Method string `json:"method,omitempty"`
}
