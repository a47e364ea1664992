// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// An ExportSource is the disk that an export reads: exactly one member is set.
// +kubebuilder:validation:XValidation:rule="[has(self.pvc), has(self.snapshot), has(self.virtualMachine)].filter(x, x).size() == 1",message="name exactly one source, such as pvc: {name: disk}, snapshot: {name: nightly} or virtualMachine: {name: vm, disk: system}"
type ExportSource struct {
	// PVC is a PersistentVolumeClaim with a disk.
	// +optional
	PVC *ObjectSource `json:"pvc,omitempty"`

	// Snapshot is a VolumeSnapshot of a claim with a disk.
	// +optional
	Snapshot *ObjectSource `json:"snapshot,omitempty"`

	// VirtualMachine is a disk of a KubeVirt VirtualMachine.
	// +optional
	VirtualMachine *MachineSource `json:"virtualMachine,omitempty"`
}

// An ObjectSource names an object in the namespace of the export.
type ObjectSource struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// A MachineSource is a disk of a virtual machine.
type MachineSource struct {
	// Name of the VirtualMachine.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Disk is the name of the machine's volume (spec.template.spec.volumes).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Disk string `json:"disk"`
}

// An ExportTarget is where an artifact goes: exactly one member is set.
// +kubebuilder:validation:XValidation:rule="[has(self.s3), has(self.registry), has(self.http), has(self.pvc)].filter(x, x).size() == 1",message="name exactly one target, such as s3: {bucket: backups, key: vm.qcow2}, registry: {image: registry.example.com/vms/ubuntu:golden}, http: {url: https://…} or pvc: {name: backups, path: vm.qcow2}"
type ExportTarget struct {
	// S3 makes an object in a bucket.
	// +optional
	S3 *S3Object `json:"s3,omitempty"`

	// Registry makes a KubeVirt containerDisk in a registry.
	// +optional
	Registry *RegistryTarget `json:"registry,omitempty"`

	// HTTP uploads to a web server.
	// +optional
	HTTP *HTTPTarget `json:"http,omitempty"`

	// PVC makes a file on another claim.
	// +optional
	PVC *ClaimTarget `json:"pvc,omitempty"`
}

// A RegistryTarget is an image that is made in a registry.
type RegistryTarget struct {
	// Image is the host, the repository and the tag, without a scheme:
	// registry.example.com/vms/ubuntu:golden. Without a tag: latest.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.contains('://')",message="write the image without a scheme, such as registry.example.com/vms/ubuntu:golden"
	// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="write a tag, not a digest: the digest follows from the disk"
	// +kubebuilder:validation:XValidation:rule="self.contains('://') || self.contains('@') || self.matches('^[A-Za-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?$')",message="write host/repository:tag, such as registry.example.com/vms/ubuntu:golden"
	Image string `json:"image"`

	RegistryAccess `json:",inline"`
}

// An UploadMethod is how a file is sent to a web server.
// +kubebuilder:validation:Enum=PUT;POST
// +kubebuilder:validation:MaxLength=8
type UploadMethod string

// The methods of an upload.
const (
	MethodPut  UploadMethod = "PUT"
	MethodPost UploadMethod = "POST"
)

// An HTTPTarget is a URL that takes a file.
type HTTPTarget struct {
	HTTPSource `json:",inline"`

	// Method of the request: PUT or POST. Default: PUT. An artifact that was
	// posted is not watched: its URL does not say where it is.
	// +kubebuilder:default=PUT
	// +optional
	Method UploadMethod `json:"method,omitempty"`
}

// A ClaimTarget is a file on a claim of the export's namespace. The claim is
// watched, with its volume; the file is not.
type ClaimTarget struct {
	// Name of the claim. Its volume mode is Filesystem.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Path of the file on the claim, relative to its root. Folders on the way
	// are made.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/') && !self.split('/').exists(p, p == '..' || p == '.' || p == '')",message="write a path relative to the claim's root that does not leave it, such as backups/vm.qcow2"
	Path string `json:"path"`
}
