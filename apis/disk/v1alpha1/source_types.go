// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// An ImportSource is where an image is read from, or which disk is cloned, or
// that there is none: exactly one member is set.
// +kubebuilder:validation:XValidation:rule="[has(self.http), has(self.s3), has(self.registry), has(self.pvc), has(self.snapshot), has(self.dataSource), has(self.blank)].filter(x, x).size() == 1",message="name exactly one source, such as http: {url: https://…}, s3: {bucket: images, key: disk.qcow2}, registry: {image: registry.example.com/vms/ubuntu:22.04}, pvc: {name: golden}, snapshot: {name: golden}, dataSource: {name: ubuntu} or blank: {}"
// +kubebuilder:validation:XValidation:rule="has(self.blank) == has(oldSelf.blank)",message="an empty disk stays one, and no other becomes one; make another DiskImport"
type ImportSource struct {
	// HTTP reads the image from a web server.
	// +optional
	HTTP *HTTPSource `json:"http,omitempty"`

	// S3 reads the image from a bucket.
	// +optional
	S3 *S3Source `json:"s3,omitempty"`

	// Registry reads the disk of an image in a registry: a KubeVirt
	// containerDisk, or an artifact whose layer is a disk.
	// +optional
	Registry *RegistrySource `json:"registry,omitempty"`

	// PVC clones the disk on a claim. CDI does it where the cluster has it;
	// without CDI the mover copies a claim of the same namespace.
	// +optional
	PVC *CloneSource `json:"pvc,omitempty"`

	// Snapshot clones the disk in a VolumeSnapshot. It wants CDI.
	// +optional
	Snapshot *CloneSource `json:"snapshot,omitempty"`

	// DataSource clones the disk that a DataSource of CDI points to when the
	// import begins. It wants CDI.
	// +optional
	DataSource *CloneSource `json:"dataSource,omitempty"`

	// Blank makes an empty disk: the claim is made under its name at once, and
	// nothing is moved. It is done when the claim is bound, or when its storage
	// class binds it to the first pod that uses it.
	// +optional
	Blank *BlankSource `json:"blank,omitempty"`
}

// A BlankSource is the source of an empty disk. It has no fields.
type BlankSource struct{}

// A CloneSource names what holds the disk that is cloned.
type CloneSource struct {
	// Name of the claim, VolumeSnapshot or DataSource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Namespace that it is in. To clone from another namespace than its own a
	// DiskImport needs a ClusterProviderConfig, and the service account
	// default of the DiskImport's namespace needs the right to create
	// datavolumes/source (cdi.kubevirt.io) of that name in the other, and for
	// a DataSource that of what it points to as well. Default: the
	// DiskImport's.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// An HTTPSource is an image behind an http or https URL.
type HTTPSource struct {
	// URL of the image, http or https. User names and passwords belong into
	// the Secret that secretRef names.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^[Hh][Tt][Tt][Pp][Ss]?://')",message="write a URL that begins with http:// or https://"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z]+://[^/?#@]*@') || (isURL(self) && url(self).getHost() != '')",message="write a whole URL with a host, such as https://images.example.com/disk.qcow2"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[A-Za-z]+://[^/?#]*@')",message="leave user name and password out of the URL; put them into a Secret (keys username and password) and name it in secretRef"
	URL string `json:"url"`

	// Headers that are sent with every request to the URL's own host. Default:
	// none.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=name
	// +optional
	Headers []Header `json:"headers,omitempty"`

	// SecretRef names a Secret in the same namespace with credentials:
	// username and password (basic authentication), or token (a bearer
	// token), or headers (one "Name: value" a line). Default: none.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// CABundleRef names a ConfigMap in the same namespace with certificate
	// authorities that are trusted beside the public ones. Default: the
	// public ones alone.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`
}

// A Header is one HTTP request header. It is not secret.
type Header struct {
	// Name of the header.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="write a header name of letters, digits and dashes, without colon or spaces"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie'])",message="this header is a secret: put it into the key headers of the Secret that secretRef names, as a line 'Name: value'"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'range', 'if-range', 'if-match', 'accept-encoding', 'content-length', 'connection', 'transfer-encoding'])",message="the mover sets this header itself; leave it out"
	Name string `json:"name"`

	// Value of the header.
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\r\\n]')",message="write the value in one line"
	Value string `json:"value"`
}

// A SecretReference names a Secret in the namespace of the resource.
type SecretReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// A CABundleReference names a ConfigMap in the namespace of the resource.
type CABundleReference struct {
	// Name of the ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Key of the ConfigMap that holds the PEM bundle. Default: ca.crt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:default=ca.crt
	// +optional
	Key string `json:"key,omitempty"`
}
