// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"strings"
	"testing"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// manifest parses YAML strictly enough for the API server to judge the rest.
func manifest(t *testing.T, y string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(y), &u.Object); err != nil {
		t.Fatalf("cannot parse manifest: %v", err)
	}
	return u
}

const diskImport = `
apiVersion: disk.wukong.m.novasphere.dev/v1alpha1
kind: DiskImport
metadata: {name: a, namespace: default}
spec:
  forProvider:
    source: {http: {url: "https://images.example.com/a.qcow2"}}
    target: {size: 1Gi}
`

// create asks the API server to create, strictly and without effect.
func create(t *testing.T, u *unstructured.Unstructured) error {
	t.Helper()
	strict := client.WithFieldValidation(kube.client, "Strict")
	return strict.Create(t.Context(), u, client.DryRunAll)
}

func set(t *testing.T, u *unstructured.Unstructured, path string, y string) {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(y), &v); err != nil {
		t.Fatalf("cannot parse %q: %v", y, err)
	}
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		v = int64(f)
	}
	if err := unstructured.SetNestedField(u.Object, v, strings.Split(path, ".")...); err != nil {
		t.Fatalf("cannot set %s: %v", path, err)
	}
}

func TestDiskImportAdmission(t *testing.T) {
	http, target, transfer := "spec.forProvider.source.http", "spec.forProvider.target", "spec.forProvider.transfer"
	cases := map[string]struct {
		reason string
		path   string
		value  string
		want   string // Part of the message; empty: accepted.
	}{
		"Minimal":          {"A source and a size are enough.", target + ".size", "20Gi", ""},
		"NoSource":         {"A source must have a member.", "spec.forProvider.source", "{}", "name exactly one source"},
		"Scheme":           {"Only http and https are read.", http + ".url", "ftp://h/x", "begins with http:// or https://"},
		"UpperCase":        {"A scheme is not case sensitive.", http + ".url", "HTTPS://h/x", ""},
		"NoHost":           {"A URL needs a host.", http + ".url", "https:///x", "whole URL with a host"},
		"UserInfo":         {"A password must not stand in a spec.", http + ".url", "https://u:p@h/x", "put them into a Secret"},
		"PathWithAt":       {"An @ in a path is no user information.", http + ".url", "https://h/a@b", ""},
		"SecretHeader":     {"A header that is a secret belongs into the Secret.", http + ".headers", "[{name: Authorization, value: x}]", "key headers of the Secret"},
		"OwnHeader":        {"The mover's own headers cannot be set.", http + ".headers", "[{name: Range, value: x}]", "the mover sets this header itself"},
		"HeaderName":       {"A header's name is a token.", http + ".headers", "[{name: 'X Y', value: x}]", "letters, digits and dashes"},
		"HeaderValue":      {"A header's value is one line.", http + ".headers", `[{name: X, value: "a\nb"}]`, "in one line"},
		"Header":           {"Other headers are welcome.", http + ".headers", "[{name: X-Team, value: vm}]", ""},
		"Checksum":         {"A checksum names its algorithm.", "spec.forProvider.verification", "{checksum: 'sha256:abc'}", "64 digits"},
		"ChecksumMD5":      {"md5 is accepted.", "spec.forProvider.verification", "{checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}", ""},
		"ChecksumCRC":      {"So is a store's own, which an export may give.", "spec.forProvider.verification", "{checksum: 'crc64nvme:ae8b14860a799888'}", ""},
		"ChecksumCRCShort": {"It has all of its digits.", "spec.forProvider.verification", "{checksum: 'crc64nvme:ae8b14860a79988'}", "crc64nvme: 16"},
		"ChecksumCRCLong":  {"And no more.", "spec.forProvider.verification", "{checksum: 'crc64nvme:ae8b14860a7998880'}", "crc64nvme: 16"},
		"Format":           {"A format that cannot be read is refused.", "spec.forProvider.format", "VMDK", "supported values"},
		"Engine":           {"An engine that does not exist is refused.", "spec.forProvider.engine", "Qemu", "supported values"},
		"SizeZero":         {"A disk has a size.", target + ".size", "'0'", "at least 1Mi"},
		"SizeText":         {"A size is a quantity.", target + ".size", "big", "at least 1Mi"},
		"SizeOdd":          {"A disk has whole sectors.", target + ".size", "'1048577'", "multiple of 512"},
		"SizeNumber":       {"A size may be a number.", target + ".size", "1073741824", ""},
		"SizeDecimal":      {"A size may be decimal.", target + ".size", "10G", ""},
		"SizeFraction":     {"A size may be a fraction of a unit.", target + ".size", "1.5Gi", ""},
		"Name":             {"A claim's name is a DNS name.", target + ".name", "My_Disk", "small letters"},
		"AccessModes":      {"Access modes are Kubernetes'.", target + ".accessModes", "[RWO]", "supported values"},
		"VolumeMode":       {"Volume modes are Kubernetes'.", target + ".volumeMode", "Raw", "supported values"},
		"Labels":           {"The provider's labels are its own.", target + ".labels", "{wukong.m.novasphere.dev/x: v}", "use another prefix"},
		"Annotations":      {"The provider's annotations are its own.", target + ".annotations", "{wukong.m.novasphere.dev/x: v}", "use another prefix"},
		"Connections":      {"There is at least one connection.", transfer, "{connections: 0}", "greater than or equal to 1"},
		"Bandwidth":        {"A limit must leave something.", transfer, "{bandwidthLimit: 1Ki}", "at least 64Ki"},
		"BandwidthOK":      {"A limit is bytes a second.", transfer, "{bandwidthLimit: 50Mi}", ""},
		"Deadline":         {"A deadline has a unit.", transfer, "{deadline: '90'}", "from 1m to 8760h"},
		"DeadlineShort":    {"A deadline leaves time.", transfer, "{deadline: 1s}", "from 1m to 8760h"},
		"DeadlineOK":       {"A deadline is a duration.", transfer, "{deadline: 1h30m}", ""},
		"Retries":          {"Retries are bounded.", transfer, "{retries: 101}", "less than or equal to 100"},
		"UnknownField":     {"An unknown field is not ignored.", "spec.forProvider.source.ftp", "{name: b}", "unknown field"},
		"TwoSources":       {"A source has one member.", "spec.forProvider.source.s3", "{bucket: images, key: a}", "name exactly one source"},
		"PVC":              {"A disk can be cloned.", "spec.forProvider.source", "{pvc: {name: golden, namespace: images}}", ""},
		"Snapshot":         {"So can a snapshot.", "spec.forProvider.source", "{snapshot: {name: golden}}", ""},
		"DataSource":       {"So can what CDI points to.", "spec.forProvider.source", "{dataSource: {name: ubuntu, namespace: images}}", ""},
		"CloneFormat":      {"What is cloned is raw.", "spec.forProvider", "{source: {pvc: {name: a}}, format: QCOW2, target: {size: 1Gi}}", "leave format out"},
		"CloneChecksum":    {"What is cloned has no checksum.", "spec.forProvider", "{source: {snapshot: {name: a}}, verification: {checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}, target: {size: 1Gi}}", "leave verification.checksum out"},
		"CloneByMover":     {"The mover clones no snapshot.", "spec.forProvider", "{source: {dataSource: {name: a}}, engine: Mover, target: {size: 1Gi}}", "write engine: CDI"},
		"CopyByMover":      {"It copies a claim.", "spec.forProvider", "{source: {pvc: {name: a}}, engine: Mover, target: {size: 1Gi}}", ""},
		"CDI":              {"CDI imports what it can.", "spec.forProvider", "{source: {http: {url: 'https://h/x'}}, engine: CDI, verification: {checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}, target: {size: 1Gi}}", ""},
		"CDIFormat":        {"It cannot be told a format.", "spec.forProvider", "{source: {http: {url: 'https://h/x'}}, engine: CDI, format: QCOW2, target: {size: 1Gi}}", "CDI detects it"},
		"CDIChecksum":      {"It knows no CRC.", "spec.forProvider", "{source: {http: {url: 'https://h/x'}}, engine: CDI, verification: {checksum: 'crc64nvme:0011223344556677'}, target: {size: 1Gi}}", "CDI verifies"},
		"CDIChecksumOfS3":  {"It verifies nothing of a bucket.", "spec.forProvider", "{source: {s3: {endpoint: 'https://h', bucket: images, key: a, secretRef: {name: s}}}, engine: CDI, verification: {checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}, target: {size: 1Gi}}", "CDI verifies"},
		"CDIAnonymousS3":   {"It wants keys.", "spec.forProvider", "{source: {s3: {endpoint: 'https://h', bucket: images, key: a}}, engine: CDI, target: {size: 1Gi}}", "write endpoint and secretRef"},
		"CDIPlainRegistry": {"It speaks https.", "spec.forProvider", "{source: {registry: {image: 'h:5000/a/b', plainHTTP: true}}, engine: CDI, target: {size: 1Gi}}", "leave plainHTTP out"},
		"CDITransfer":      {"It heeds no limits.", "spec.forProvider", "{source: {http: {url: 'https://h/x'}}, engine: CDI, transfer: {connections: 4}, target: {size: 1Gi}}", "CDI heeds"},
		"Blank":            {"A disk can be empty.", "spec.forProvider.source", "{blank: {}}", ""},
		"BlankAndSource":   {"One that is empty has no other source.", "spec.forProvider.source.blank", "{}", "name exactly one source"},
		"BlankEngine":      {"No engine makes it.", "spec.forProvider", "{source: {blank: {}}, engine: CDI, target: {size: 1Gi}}", "nothing is moved to an empty disk"},
		"BlankFormat":      {"It has no format.", "spec.forProvider", "{source: {blank: {}}, format: Raw, target: {size: 1Gi}}", "nothing is moved to an empty disk"},
		"BlankChecksum":    {"It has no checksum.", "spec.forProvider", "{source: {blank: {}}, verification: {checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}, target: {size: 1Gi}}", "nothing is moved to an empty disk"},
		"BlankTransfer":    {"Nothing is transferred.", "spec.forProvider", "{source: {blank: {}}, transfer: {connections: 4}, target: {size: 1Gi}}", "nothing is moved to an empty disk"},
		"Retention":        {"A disk can be kept.", "spec.forProvider.retention", "Retain", ""},
		"RetentionElse":    {"It is kept or deleted.", "spec.forProvider.retention", "Orphan", "supported values"},
		"S3":               {"An image can be in a bucket.", "spec.forProvider.source", "{s3: {endpoint: 'https://s3.example.com/path', bucket: images, key: vms/a.qcow2, secretRef: {name: s}}}", ""},
		"S3Endpoint":       {"A password must not stand in a spec.", "spec.forProvider.source", "{s3: {endpoint: 'https://u:p@h', bucket: images, key: a}}", "without credentials"},
		"S3Key":            {"A key does not begin with a slash.", "spec.forProvider.source", "{s3: {bucket: images, key: /a}}", "without a slash"},
		"Registry":         {"An image can be in a registry.", "spec.forProvider.source", "{registry: {image: 'registry.example.com:5000/vms/ubuntu:22.04', platform: linux/arm64}}", ""},
		"RegistryDigest":   {"An image can be pinned.", "spec.forProvider.source", "{registry: {image: 'registry.example.com/vms/ubuntu@sha256:00ff'}}", ""},
		"RegistryScheme":   {"An image has no scheme.", "spec.forProvider.source", "{registry: {image: 'docker://registry.example.com/vms/ubuntu'}}", "without a scheme"},
		"RegistryHost":     {"An image has a host.", "spec.forProvider.source", "{registry: {image: ubuntu}}", "host/repository:tag"},
		"Platform":         {"A platform has two parts.", "spec.forProvider.source", "{registry: {image: 'registry.example.com/vms/ubuntu', platform: arm64}}", "os/architecture"},
		"ProviderConfigOK": {"A configuration can be named.", "spec.providerConfigRef", "{kind: ProviderConfig, name: x}", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, diskImport)
			set(t, u, tc.path, tc.value)
			expect(t, tc.reason, create(t, u), tc.want)
		})
	}
}

func expect(t *testing.T, reason string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s\nwant it accepted, got: %v", reason, err)
	case want != "" && err == nil:
		t.Errorf("%s\nwant an error with %q, got none", reason, want)
	case want != "" && !kerrors.IsInvalid(err) && !kerrors.IsBadRequest(err):
		t.Errorf("%s\nwant it invalid, got: %v", reason, err)
	case want != "" && !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)):
		t.Errorf("%s\nwant an error with %q, got: %v", reason, want, err)
	}
}

func TestDiskImportImmutability(t *testing.T) {
	target := "spec.forProvider.target"
	cases := map[string]struct {
		reason   string
		complete bool
		path     string
		value    string
		want     string
	}{
		"SourceBefore":      {"A wrong URL can be corrected.", false, "spec.forProvider.source.http.url", "https://h/other", ""},
		"SourceAfter":       {"What is imported stays what it is.", true, "spec.forProvider.source.http.url", "https://h/other", "make another DiskImport"},
		"FormatAfter":       {"What is imported stays what it is.", true, "spec.forProvider.format", "Raw", "make another DiskImport"},
		"VerificationAfter": {"What is imported stays what it is.", true, "spec.forProvider.verification", "{checksum: 'md5:d41d8cd98f00b204e9800998ecf8427e'}", "make another DiskImport"},
		"ClassBefore":       {"A wrong class can be corrected.", false, target + ".storageClassName", "other", ""},
		"ClassAfter":        {"A claim stays in its class.", true, target + ".storageClassName", "other", "make another DiskImport"},
		"ModeAfter":         {"A claim keeps its mode.", true, target + ".volumeMode", "Block", "make another DiskImport"},
		"NameEver":          {"A claim cannot be renamed.", false, target + ".name", "other", "cannot be renamed"},
		"GrowBefore":        {"A disk that was too small can be made larger.", false, target + ".size", "2Gi", ""},
		"GrowAfter":         {"A claim can be expanded.", true, target + ".size", "2Gi", ""},
		"ShrinkEver":        {"A disk cannot shrink.", false, target + ".size", "512Mi", "can only grow"},
		"LabelsAfter":       {"Labels may change.", true, target + ".labels", "{a: b}", ""},
		"BlankEver":         {"A disk with a source does not become an empty one.", false, "spec.forProvider.source", "{blank: {}}", "an empty disk stays one"},
		"RetentionAfter":    {"A disk may be kept after all.", true, "spec.forProvider.retention", "Retain", ""},
		"BandwidthAfter":    {"Limits may change.", true, "spec.forProvider.transfer.bandwidthLimit", "1Mi", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns := namespace(t)
			u := manifest(t, diskImport)
			u.SetNamespace(ns)
			must(t, kube.client.Create(t.Context(), u))
			if tc.complete {
				set(t, u, "status.atProvider.completionTime", "'2026-01-01T00:00:00Z'")
				must(t, kube.client.Status().Update(t.Context(), u))
			}
			set(t, u, tc.path, tc.value)
			expect(t, tc.reason, kube.client.Update(t.Context(), u), tc.want)
		})
	}
}

func TestProviderConfigAdmission(t *testing.T) {
	cases := map[string]struct {
		reason string
		kind   string
		path   string
		value  string
		want   string
	}{
		"Empty":          {"Everything has a default.", "ProviderConfig", "spec", "{}", ""},
		"EmptyCluster":   {"Everything has a default.", "ClusterProviderConfig", "spec", "{}", ""},
		"SecretMissing":  {"A kubeconfig stands in a Secret.", "ClusterProviderConfig", "spec", "{target: {source: Secret}}", "set secretRef"},
		"SecretUnused":   {"The provider's identity needs no Secret.", "ProviderConfig", "spec", "{target: {secretRef: {name: a, key: b}}}", "leave it out"},
		"ForeignSecret":  {"A namespace names its own Secrets only.", "ProviderConfig", "spec", "{target: {source: Secret, secretRef: {namespace: other, name: a, key: b}}}", "unknown field"},
		"ClusterSecret":  {"An operator names any Secret.", "ClusterProviderConfig", "spec", "{target: {source: Secret, secretRef: {namespace: other, name: a, key: b}}}", ""},
		"Hosts":          {"A host is no URL.", "ProviderConfig", "spec", "{policy: {allowedHosts: ['https://h']}}", "without scheme"},
		"Wildcard":       {"A wildcard stands for a label.", "ProviderConfig", "spec", "{policy: {allowedHosts: ['*.example.com', h, '10.0.0.1']}}", ""},
		"Networks":       {"A network is a prefix.", "ProviderConfig", "spec", "{policy: {deniedNetworks: ['10.0.0.1']}}", "address/bits"},
		"NetworksOK":     {"Both families are known.", "ProviderConfig", "spec", "{policy: {allowedNetworks: ['10.0.0.0/8', 'fd00::/8']}}", ""},
		"MaxVirtualSize": {"No limit is no field.", "ProviderConfig", "spec", "{policy: {maxVirtualSize: '0'}}", "leave it out"},
		"Backoff":        {"upjet's rules hold.", "ProviderConfig", "spec", "{reconciliationPolicy: {exponentialFailureRateLimiter: {baseDelay: 10ms}}}", "at least 1s"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, "{apiVersion: wukong.m.novasphere.dev/v1alpha1, metadata: {name: a}}")
			u.SetKind(tc.kind)
			if tc.kind == "ProviderConfig" {
				u.SetNamespace("default")
			}
			set(t, u, tc.path, tc.value)
			expect(t, tc.reason, create(t, u), tc.want)
		})
	}
}

const diskExport = `
apiVersion: disk.wukong.m.novasphere.dev/v1alpha1
kind: DiskExport
metadata: {name: a, namespace: default}
spec:
  forProvider:
    source: {pvc: {name: disk}}
    target: {s3: {bucket: backups, key: vm.qcow2}}
`

func TestDiskExportAdmission(t *testing.T) {
	p := "spec.forProvider"
	registry := "{registry: {image: 'registry.example.com/vms/a:b'}}"
	cases := map[string]struct {
		reason string
		paths  map[string]string
		want   string // Part of the message; empty: accepted.
	}{
		"Minimal":        {"A source and a target are enough.", nil, ""},
		"NoSource":       {"A source must have a member.", map[string]string{p + ".source": "{}"}, "name exactly one source"},
		"TwoSources":     {"A source has one member.", map[string]string{p + ".source.snapshot": "{name: s}"}, "name exactly one source"},
		"Machine":        {"A source can be a machine's disk.", map[string]string{p + ".source": "{virtualMachine: {name: vm, disk: system}}"}, ""},
		"NoTarget":       {"A target must have a member.", map[string]string{p + ".target": "{}"}, "name exactly one target"},
		"TwoTargets":     {"A target has one member.", map[string]string{p + ".target.pvc": "{name: b, path: a}"}, "name exactly one target"},
		"Registry":       {"A registry takes a containerDisk.", map[string]string{p + ".target": registry, p + ".format": "OCI"}, ""},
		"RegistryQCOW2":  {"A registry takes nothing else.", map[string]string{p + ".target": registry, p + ".format": "QCOW2"}, "OCI for a registry"},
		"OCI":            {"A bucket takes no containerDisk.", map[string]string{p + ".format": "OCI"}, "OCI for a registry"},
		"RegistryDigest": {"A digest cannot be chosen.", map[string]string{p + ".target": "{registry: {image: 'registry.example.com/a@sha256:00'}}"}, "write a tag"},
		"HTTP":           {"A web server can be a target.", map[string]string{p + ".target": "{http: {url: 'https://h/a', method: POST}}"}, ""},
		"HTTPRetain":     {"What was uploaded stays.", map[string]string{p + ".target": "{http: {url: 'https://h/a'}}", p + ".retention": "Retain"}, ""},
		"HTTPDelete":     {"A web server cannot be asked to remove it.", map[string]string{p + ".target": "{http: {url: 'https://h/a'}}", p + ".retention": "Delete"}, "write retention: Retain for target.http"},
		"HTTPMethod":     {"A file is put or posted.", map[string]string{p + ".target": "{http: {url: 'https://h/a', method: GET}}"}, "supported values"},
		"PVC":            {"Another claim can be a target.", map[string]string{p + ".target": "{pvc: {name: backups, path: a/b}}"}, ""},
		"PVCSame":        {"A disk cannot hold its own artifact.", map[string]string{p + ".target": "{pvc: {name: disk, path: a}}"}, "another claim"},
		"PVCPath":        {"A path stays on its claim.", map[string]string{p + ".target": "{pvc: {name: backups, path: ../a}}"}, "does not leave it"},
		"Incremental":    {"What is not there yet is refused by name.", map[string]string{p + ".mode": "Incremental"}, "not in this release"},
		"Zlib":           {"Zlib is for clusters.", map[string]string{p + ".format": "Raw", p + ".compression": "{algorithm: Zlib}"}, "Zlib is for QCOW2"},
		"ZlibQCOW2":      {"Zlib is for clusters.", map[string]string{p + ".compression": "{algorithm: Zlib, level: 9}"}, ""},
		"Gzip":           {"Gzip is for files and layers.", map[string]string{p + ".compression": "{algorithm: Gzip}"}, "Gzip is for Raw and OCI"},
		"GzipRegistry":   {"Gzip is for files and layers.", map[string]string{p + ".target": registry, p + ".compression": "{algorithm: Gzip}"}, ""},
		"Level":          {"Gzip has nine levels.", map[string]string{p + ".format": "Raw", p + ".compression": "{algorithm: Gzip, level: 10}"}, "from 1 to 9"},
		"LevelNone":      {"What is not compressed has no level.", map[string]string{p + ".compression": "{algorithm: None, level: 1}"}, "leave level out"},
		"Everything":     {"All the rest together.", map[string]string{p + ".consistency": "Snapshot", p + ".retention": "Delete", p + ".trigger": "'2026'", p + ".verification": "ReadBack", p + ".mode": "Full"}, ""},
		"UnknownField":   {"An unknown field is not ignored.", map[string]string{p + ".target.s3.acl": "public"}, "unknown field"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := manifest(t, diskExport)
			for path, y := range tc.paths {
				set(t, u, path, y)
			}
			expect(t, tc.reason, create(t, u), tc.want)
		})
	}
}

func TestDiskExportImmutability(t *testing.T) {
	p := "spec.forProvider"
	cases := map[string]struct {
		reason string
		made   bool
		path   string
		value  string
		want   string
	}{
		"SourceBefore": {"A wrong claim can be corrected.", false, p + ".source.pvc.name", "other", ""},
		"SourceAfter":  {"What is exported stays what it is.", true, p + ".source.pvc.name", "other", "the source cannot change"},
		"KeyBefore":    {"A wrong key can be corrected.", false, p + ".target.s3.key", "other", ""},
		"KeyAfter":     {"What is exported stays where it is.", true, p + ".target.s3.key", "other", "the target cannot change"},
		"MemberAfter":  {"What is exported stays where it is.", true, p + ".target", "{pvc: {name: b, path: a}}", "the target cannot change"},
		"SecretAfter":  {"Credentials can change.", true, p + ".target.s3.secretRef", "{name: other}", ""},
		"TriggerAfter": {"It can be exported again.", true, p + ".trigger", "again", ""},
		"Retention":    {"Its retention can change.", true, p + ".retention", "Delete", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns := namespace(t)
			u := manifest(t, diskExport)
			u.SetNamespace(ns)
			must(t, kube.client.Create(t.Context(), u))
			if tc.made {
				set(t, u, "status.atProvider.artifact", "{uri: 's3://backups/vm.qcow2'}")
				must(t, kube.client.Status().Update(t.Context(), u))
			}
			set(t, u, tc.path, tc.value)
			expect(t, tc.reason, kube.client.Update(t.Context(), u), tc.want)
		})
	}
}
