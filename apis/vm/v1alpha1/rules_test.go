// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"
)

func TestCreate(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   string // part of the error; empty: accepted
	}{
		"NoDisks":             {reason: "A machine may have no disk.", spec: ""},
		"UnknownField":        {reason: "A misspelled field is refused.", spec: disk("sise: 2Gi"), want: "unknown field"},
		"SameNameTwice":       {reason: "Disks are known by name.", spec: "disks:\n- {name: d, size: 1Gi}\n- {name: d, size: 1Gi}\n", want: "Duplicate value"},
		"BadName":             {reason: "A name becomes part of a claim's.", spec: "disks:\n- {name: Disk_1, size: 1Gi}\n", want: "lower-case letters"},
		"TwoBootDisks":        {reason: "A machine boots from one disk.", spec: "disks:\n- {name: a, size: 1Gi, boot: true}\n- {name: b, size: 1Gi, boot: true}\n", want: "at most one disk"},
		"OneBootDisk":         {reason: "boot: false counts for nothing.", spec: "disks:\n- {name: a, size: 1Gi, boot: true}\n- {name: b, size: 1Gi, boot: false}\n"},
		"SizeWithoutUnit":     {reason: "A forgotten unit is found.", spec: "disks:\n- {name: d, size: \"20\"}\n", want: "at least 1Mi with its unit"},
		"SizeIsNoQuantity":    {reason: "A size is a quantity.", spec: "disks:\n- {name: d, size: 20GB}\n", want: "at least 1Mi with its unit"},
		"SizeNegative":        {reason: "A size is positive.", spec: "disks:\n- {name: d, size: -1Gi}\n", want: "at least 1Mi with its unit"},
		"SizeOddBytes":        {reason: "Disks have whole sectors.", spec: "disks:\n- {name: d, size: \"1048577\"}\n", want: "multiple of 512"},
		"SizeMissing":         {reason: "A disk has a size.", spec: "disks:\n- {name: d}\n", want: "size: Required value"},
		"MemoryIsNoQuantity":  {reason: "Memory is a quantity.", spec: "memory: lots\n", want: "at least 1Mi with its unit"},
		"TwoSources":          {reason: "A disk comes from one place.", spec: disk("image: 'docker://r.example.com/a:b', dataSource: {name: x}"), want: "keep one of importSource, image and dataSource"},
		"ImageWithoutScheme":  {reason: "image is a docker:// reference.", spec: disk("image: 'registry.example.com/a:b'"), want: "docker://registry.example.com/image:tag"},
		"PasswordNotAHash":    {reason: "A plain password does not belong here.", spec: "cloudInitUser: {name: u, passwordHash: secret}\n", want: "mkpasswd"},
		"StartContradiction":  {reason: "A machine cannot start and be halted.", spec: "startStrategy: {runStrategy: Halted, autoStart: true}\n", want: "contradicts"},
		"BridgeWithoutBridge": {reason: "A bridge network names its bridge.", spec: network("type: bridge"), want: "wants bridgeName"},
		"MacvlanWithoutNAD":   {reason: "Other networks name their NAD.", spec: network("type: macvlan"), want: "wants nadName"},
		"MacvlanWithBridge":   {reason: "A field of another type is no use.", spec: network("type: macvlan, nadName: x, bridgeName: br0"), want: "bridgeName belongs to"},
		"StartNeither":        {reason: "A machine that does not start by itself can be started.", spec: "startStrategy: {runStrategy: Manual, autoStart: false}\n"},
		"StartNever":          {reason: "A machine cannot both start and not.", spec: "startStrategy: {runStrategy: Always, autoStart: false}\n", want: "contradicts a runStrategy"},
		"BridgeAndNAD":        {reason: "A network is made or named.", spec: network("type: bridge, bridgeName: br0, nadName: x"), want: "keep one of them"},
		"BridgeWithNAD":       {reason: "A bridge can be named by a NAD of another namespace.", spec: "networks: [{name: lan, type: bridge, nadName: infra/br0.100}]\n"},
		"VLANWithNAD":         {reason: "A NAD says its VLAN.", spec: network("type: bridge, nadName: x, vlanId: 100"), want: "remove vlanId"},
		"NADNameIsNone":       {reason: "A NAD has the name of an object.", spec: network("type: sriov, nadName: a/b/c"), want: "namespace/name"},
		"StaticNoAddress":     {reason: "A static address is written.", spec: network("type: bridge, bridgeName: b, ipConfig: {mode: static}"), want: "mode static wants address"},
		"AddressWithoutMask":  {reason: "An address has a prefix length.", spec: network("type: bridge, bridgeName: b, ipConfig: {mode: static, address: 10.0.0.1}"), want: "with its prefix length"},
		"DHCPWithAddress":     {reason: "DHCP hands out addresses.", spec: network("type: bridge, bridgeName: b, ipConfig: {mode: dhcp, address: 10.0.0.1/24}"), want: "mode dhcp takes"},
		"DNSIsNoAddress":      {reason: "Name servers are addresses.", spec: network("type: bridge, bridgeName: b, ipConfig: {mode: dhcp, dnsServers: [dns.example.com]}"), want: "dnsServers as IP addresses"},
	}
	s := newServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { expect(t, tc.reason, tc.want, s.create(t, manifest(t, tc.spec))) })
	}
}

func TestImportSource(t *testing.T) {
	const (
		s3   = "s3Config: {bucket: images, key: a.qcow2}"
		sum  = "checksum: 'sha256:"
		http = "type: https, url: 'https://example.com/a.img'"
	)
	cases := map[string]struct {
		reason string
		source string
		want   string
	}{
		"HTTPWithoutURL":       {reason: "http names the image.", source: "type: http", want: "want url"},
		"HTTPSWithPlainURL":    {reason: "https is a promise.", source: "type: https, url: 'http://example.com/a'", want: "begins with https://"},
		"HTTPWithSecureURL":    {reason: "http accepts https.", source: "type: http, url: 'https://example.com/a'"},
		"HTTPWithFTP":          {reason: "http accepts nothing else.", source: "type: http, url: 'ftp://example.com/a'", want: "http:// or https://"},
		"URLWithoutHost":       {reason: "A URL has a host.", source: "type: http, url: 'http:///a'", want: "with a host"},
		"PasswordInURL":        {reason: "Secrets are not written into manifests.", source: "type: https, url: 'https://u:p@example.com/a'", want: "holds no credentials"},
		"HTTPWithS3Config":     {reason: "A field of another type is no use.", source: http + ", " + s3, want: "belong to type s3"},
		"HTTPWithFlatKey":      {reason: "The flat spelling is S3's too.", source: http + ", key: a", want: "belong to type s3"},
		"HTTPWithRegistry":     {reason: "A field of another type is no use.", source: http + ", registryConfig: {secretName: x}", want: "belongs to type registry"},
		"HTTPWithPVC":          {reason: "A field of another type is no use.", source: http + ", pvcConfig: {name: x}", want: "no other type has it"},
		"HTTPConfig":           {reason: "Servers can want credentials, an authority and headers.", source: http + ", httpConfig: {secretName: s, caBundle: {configMapName: ca}, headers: [{name: X-Team, value: vm}]}"},
		"HTTPConfigOfS3":       {reason: "A field of another type is no use.", source: "type: s3, " + s3 + ", httpConfig: {secretName: s}", want: "httpConfig belongs to"},
		"SecretHeader":         {reason: "Secrets are not written into manifests.", source: http + ", httpConfig: {headers: [{name: Authorization, value: x}]}", want: "this header is a secret"},
		"HeaderOfTheMover":     {reason: "Ranges are the mover's.", source: http + ", httpConfig: {headers: [{name: Range, value: x}]}", want: "set for you"},
		"HeaderWithNewline":    {reason: "A header is a line.", source: http + ", httpConfig: {headers: [{name: X, value: \"a\\nb\"}]}", want: "in one line"},
		"Checksum":             {reason: "A checksum is accepted.", source: http + ", " + sum + strings.Repeat("0a", 32) + "'"},
		"ChecksumTooShort":     {reason: "A truncated sum is found at once.", source: http + ", " + sum + "0a'", want: "hexadecimal digits"},
		"UnknownType":          {reason: "The types are a closed set.", source: "type: ftp", want: "Unsupported value"},
		"RegistryWithoutURL":   {reason: "registry names the image.", source: "type: registry", want: "want url"},
		"RegistryWithHTTP":     {reason: "A registry's URL has its scheme.", source: "type: registry, url: 'https://r.example.com/a'", want: "docker:// or registry://"},
		"RegistryScheme":       {reason: "Both schemes are accepted.", source: "type: registry, url: 'registry://r.example.com/a:b'"},
		"PVCWithoutConfig":     {reason: "pvc names the claim.", source: "type: pvc", want: "type pvc wants pvcConfig"},
		"PVCWithURL":           {reason: "A claim has no URL.", source: "type: pvc, url: 'https://example.com', pvcConfig: {name: x}", want: "type pvc has no url"},
		"S3Flat":               {reason: "The flat spelling is accepted.", source: "type: s3, bucket: images, key: a"},
		"S3BothAgree":          {reason: "Both spellings are accepted when they agree.", source: "type: s3, bucket: images, key: a.qcow2, " + s3},
		"S3BucketsDisagree":    {reason: "Both spellings must agree.", source: "type: s3, bucket: other, key: a.qcow2, " + s3, want: "bucket and s3Config.bucket disagree"},
		"S3KeysDisagree":       {reason: "Both spellings must agree.", source: "type: s3, key: b, " + s3, want: "key and s3Config.key disagree"},
		"S3EndpointsDisagree":  {reason: "Both spellings must agree.", source: "type: s3, endpoint: 'https://a.example.com', s3Config: {endpoint: 'https://b.example.com', bucket: images, key: a}", want: "endpoint and s3Config.endpoint disagree"},
		"S3RegionsDisagree":    {reason: "Both spellings must agree.", source: "type: s3, region: a, s3Config: {region: b, bucket: images, key: a}", want: "region and s3Config.region disagree"},
		"S3SecretsDisagree":    {reason: "Both spellings must agree.", source: "type: s3, credentials: {secretName: a}, s3Config: {credentials: {secretName: b}, bucket: images, key: a}", want: "credentials and s3Config.credentials disagree"},
		"S3WithoutBucket":      {reason: "An object is in a bucket.", source: "type: s3, key: a", want: "wants s3Config.bucket"},
		"S3BucketRef":          {reason: "A bucket can be an ImageBucket's.", source: "type: s3, s3Config: {bucketRef: {name: images}, key: a}"},
		"S3BucketRefFlatKey":   {reason: "The key may stand in the flat spelling.", source: "type: s3, key: a, s3Config: {bucketRef: {name: images}}"},
		"S3BucketSelector":     {reason: "An ImageBucket is found by its labels too.", source: "type: s3, s3Config: {bucketSelector: {matchLabels: {purpose: images}}, key: a}"},
		"S3SelectsNothing":     {reason: "A selector of nothing fits everything.", source: "type: s3, s3Config: {bucketSelector: {matchLabels: {}}, key: a}", want: "at least 1 properties"},
		"S3TwoBuckets":         {reason: "A bucket is named once.", source: "type: s3, s3Config: {bucket: images, bucketRef: {name: images}, key: a}", want: "keep one of bucket"},
		"S3RefAndSelector":     {reason: "A bucket is named once.", source: "type: s3, s3Config: {bucketSelector: {matchLabels: {a: b}}, bucketRef: {name: images}, key: a}", want: "keep one of bucket"},
		"S3RefAndFlatBucket":   {reason: "A bucket is named once, in both spellings.", source: "type: s3, bucket: images, s3Config: {bucketRef: {name: images}, key: a}", want: "they come from the ImageBucket"},
		"S3RefAndEndpoint":     {reason: "The ImageBucket knows its store.", source: "type: s3, s3Config: {endpoint: 'https://s3.example.com', bucketRef: {name: images}, key: a}", want: "they come from the ImageBucket"},
		"S3RefAndCredentials":  {reason: "The ImageBucket has its credentials.", source: "type: s3, credentials: {secretName: s}, s3Config: {bucketRef: {name: images}, key: a}", want: "they come from the ImageBucket"},
		"S3RefAndURL":          {reason: "A URL names a bucket.", source: "type: s3, url: 's3://images/a', s3Config: {bucketRef: {name: images}}", want: "leave out url"},
		"HTTPWithBucketRef":    {reason: "A field of another type is no use.", source: http + ", s3Config: {bucketRef: {name: images}}", want: "belong to type s3"},
		"RegistryPlainHTTP":    {reason: "A registry can speak http, or have an authority of its own.", source: "type: registry, url: 'registry://r.example.com/a:b', registryConfig: {plainHTTP: true, caBundle: {configMapName: ca}}"},
		"S3WithoutKey":         {reason: "An object has a key.", source: "type: s3, bucket: images", want: "wants s3Config.key"},
		"S3URL":                {reason: "A URL can say both.", source: "type: s3, url: 's3://images/dir/a.qcow2'"},
		"S3URLDisagrees":       {reason: "A URL beside s3Config agrees with it.", source: "type: s3, url: 's3://other/a.qcow2', " + s3, want: "url and bucket disagree"},
		"S3URLOtherKey":        {reason: "A URL beside s3Config agrees with it.", source: "type: s3, url: 's3://images/b.qcow2', " + s3, want: "url and key disagree"},
		"S3EndpointNotAURL":    {reason: "An endpoint is a URL.", source: "type: s3, endpoint: s3.example.com, bucket: images, key: a", want: "write endpoint as"},
		"S3PasswordInEndpoint": {reason: "Secrets are not written into manifests.", source: "type: s3, endpoint: 'https://u:p@s3.example.com', bucket: images, key: a", want: "without credentials"},
	}
	s := newServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { expect(t, tc.reason, tc.want, s.create(t, manifest(t, source(tc.source)))) })
	}
}

func TestExportTarget(t *testing.T) {
	cases := map[string]struct {
		reason string
		target string
		want   string
	}{
		"Registry":            {reason: "A reference needs no scheme.", target: "type: registry, url: 'r.example.com/a:b'"},
		"RegistryQCOW2":       {reason: "A registry holds other formats too.", target: "type: registry, url: 'r.example.com/a:b', format: qcow2"},
		"RegistryHTTP":        {reason: "A registry is not a web server.", target: "type: registry, url: 'https://r.example.com/a:b'", want: "type registry wants a url such as"},
		"HTTPWithoutURL":      {reason: "http names the place.", target: "type: http", want: "want url"},
		"HTTP":                {reason: "http accepts https.", target: "type: http, url: 'https://example.com/up'"},
		"S3WithoutKey":        {reason: "An object has a key.", target: "type: s3, bucket: backups", want: "wants s3Config.key"},
		"S3BucketRef":         {reason: "A bucket can be an ImageBucket's.", target: "type: s3, s3Config: {bucketRef: {name: backups}, key: a}"},
		"S3RefAndBucket":      {reason: "A bucket is named once.", target: "type: s3, s3Config: {bucketRef: {name: backups}, bucket: backups, key: a}", want: "keep one of bucket"},
		"S3RefAndURL":         {reason: "A URL names a bucket.", target: "type: s3, url: 's3://backups/a', s3Config: {bucketRef: {name: backups}}", want: "leave out url"},
		"S3RefWithoutKey":     {reason: "An object has a key.", target: "type: s3, s3Config: {bucketRef: {name: backups}}", want: "wants s3Config.key"},
		"S3OCI":               {reason: "A container disk lives in a registry.", target: "type: s3, bucket: backups, key: a, format: oci", want: "belongs to type registry"},
		"PVC":                 {reason: "Other storage is a target.", target: "type: pvc, pvcConfig: {name: backup, path: vms/a.qcow2}"},
		"PVCWithoutConfig":    {reason: "pvc names the claim.", target: "type: pvc", want: "type pvc wants pvcConfig"},
		"PVCPathLeaves":       {reason: "A path stays on its claim.", target: "type: pvc, pvcConfig: {name: backup, path: ../a}", want: "does not leave it"},
		"Incremental":         {reason: "A repository is a target.", target: "type: s3, bucket: backups, key: repo, mode: Incremental"},
		"IncrementalFormat":   {reason: "A repository has its own format.", target: "type: s3, bucket: backups, key: repo, mode: Incremental, format: raw", want: "remove format"},
		"UnknownType":         {reason: "The types are a closed set.", target: "type: ftp", want: "Unsupported value"},
		"S3BucketsDisagree":   {reason: "Both spellings must agree.", target: "type: s3, bucket: a12, key: k, s3Config: {bucket: b12}", want: "bucket and s3Config.bucket disagree"},
		"RegistryConfigOfS3":  {reason: "A field of another type is no use.", target: "type: s3, bucket: b12, key: k, registryConfig: {secretName: x}", want: "belongs to type registry"},
		"CredentialsInTheURL": {reason: "Secrets are not written into manifests.", target: "type: http, url: 'https://u:p@example.com/up'", want: "holds no credentials"},
	}
	s := newServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { expect(t, tc.reason, tc.want, s.create(t, manifest(t, target(tc.target)))) })
	}
}

func TestUpdate(t *testing.T) {
	const http = "importSource: {type: http, url: 'https://example.com/a'}"
	cases := map[string]struct {
		reason   string
		old, new string
		want     string
	}{
		"Grow":         {reason: "A disk can grow.", old: disk(http), new: strings.Replace(disk(http), "1Gi", "2Gi", 1)},
		"Shrink":       {reason: "A disk cannot lose data.", old: disk(http), new: strings.Replace(disk(http), "1Gi", "512Mi", 1), want: "cannot shrink"},
		"OtherURL":     {reason: "A wrong URL can be corrected.", old: disk(http), new: disk("importSource: {type: http, url: 'https://example.com/b'}")},
		"SourceAdded":  {reason: "An empty disk stays one.", old: disk("boot: false"), new: disk(http), want: "keeps the kind of its source"},
		"SourceGone":   {reason: "An imported disk stays one.", old: disk(http), new: disk("boot: false"), want: "keeps the kind of its source"},
		"OtherKind":    {reason: "An imported disk stays one.", old: disk(http), new: disk("image: 'docker://r.example.com/a:b'"), want: "keeps the kind of its source"},
		"DiskAdded":    {reason: "Disks can be added.", old: disk(http), new: disk(http) + "- {name: e, size: 1Gi}\n"},
		"DiskGone":     {reason: "Disks can be taken away.", old: disk(http) + "- {name: e, size: 1Gi}\n", new: disk(http)},
		"ExportAdded":  {reason: "Exports come and go.", old: disk(http), new: disk(http + ", exportTarget: {type: http, url: 'https://example.com/up'}")},
		"DisksSwapped": {reason: "Disks are known by name, not by place.", old: disk(http) + "- {name: e, size: 1Gi}\n", new: "disks:\n- {name: e, size: 1Gi}\n- {name: d, size: 1Gi, " + http + "}\n"},
	}
	s := newServer(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := manifest(t, tc.old)
			if err := s.create(t, old); err != nil {
				t.Fatalf("the old manifest is not accepted: %v", err)
			}
			expect(t, tc.reason, tc.want, s.admit(t, manifest(t, tc.new), old))
		})
	}
}
