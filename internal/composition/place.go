// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// What the API server accepts of a DiskImport and a DiskExport. A Wukong may
// be written more freely, and whatever the API server refuses of one disk would
// hold up all the others: so it is refused here, disk by disk.
const (
	imagePattern    = `^[A-Za-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@[a-z0-9]+:[0-9a-f]+)?$`
	bucketPattern   = `^[A-Za-z0-9][A-Za-z0-9._:-]*$`
	endpointPattern = `^https?://[^/?#@]+(/[^?#]*)?$`
)

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// s3Object is the place that a disk names in its flat spelling, its nested one,
// or by a url. The API lets them not disagree. The sentence says what is wrong
// with it; empty when nothing is.
func s3Object(p vmv1alpha1.S3Place, at string) (o diskv1alpha1.S3Object, sentence string) {
	nested := vmv1alpha1.S3Config{}
	if p.S3Config != nil {
		nested = *p.S3Config
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(at, "s3://"), "/")
	o = diskv1alpha1.S3Object{
		Endpoint: cmp.Or(nested.Endpoint, p.Endpoint),
		Region:   cmp.Or(nested.Region, p.Region),
		Bucket:   cmp.Or(nested.Bucket, p.Bucket, bucket),
		Key:      cmp.Or(nested.Key, p.Key, key),
	}
	if c := cmp.Or(nested.Credentials, p.Credentials); c != nil {
		o.SecretRef = secretReference(c.SecretName)
	}
	refer(&o, nested)
	switch {
	case o.Endpoint != "" && !matches(endpointPattern, o.Endpoint):
		return o, fmt.Sprintf("write endpoint as https://s3.example.com, without credentials and without a query, not %q", o.Endpoint)
	case !referred(o) && !matches(bucketPattern, o.Bucket):
		return o, fmt.Sprintf("%q is no name of a bucket", o.Bucket)
	case strings.HasPrefix(o.Key, "/") || strings.HasSuffix(o.Key, "/"):
		return o, fmt.Sprintf("write key without a slash at its beginning or end, not %q", o.Key)
	}
	return o, ""
}

// refer has a place name the ImageBucket that a disk names.
func refer(o *diskv1alpha1.S3Object, c vmv1alpha1.S3Config) {
	if r := c.BucketRef; r != nil {
		o.BucketRef = &diskv1alpha1.BucketReference{Name: string(r.Name)}
	}
	if s := c.BucketSelector; s != nil {
		o.BucketSelector = &diskv1alpha1.BucketSelector{MatchLabels: map[string]diskv1alpha1.LabelValue{}}
		for name, value := range s.MatchLabels {
			o.BucketSelector.MatchLabels[name] = diskv1alpha1.LabelValue(value)
		}
	}
}

// referred reports whether the bucket of a place is that of an ImageBucket.
func referred(o diskv1alpha1.S3Object) bool { return o.BucketRef != nil || o.BucketSelector != nil }

// whereInS3 is the place of an object: what names its bucket, and its key.
func whereInS3(o diskv1alpha1.S3Object) []string {
	place := []string{o.Endpoint, o.Bucket, o.Key}
	if r := o.BucketRef; r != nil {
		place = append(place, "bucketRef", r.Name)
	}
	if s := o.BucketSelector; s != nil {
		for _, name := range slices.Sorted(maps.Keys(s.MatchLabels)) {
			place = append(place, name+"="+string(s.MatchLabels[name]))
		}
	}
	return place
}

// imageName is an image in a registry without a scheme.
func imageName(at string) (name, sentence string) {
	name = at
	for _, scheme := range []string{"docker://", "registry://"} {
		name = strings.TrimPrefix(name, scheme)
	}
	if !matches(imagePattern, name) {
		return name, fmt.Sprintf("write the image as registry.example.com/vms/ubuntu:22.04, not %q", name)
	}
	return name, ""
}

func registryAccess(c *vmv1alpha1.RegistryConfig) diskv1alpha1.RegistryAccess {
	if c == nil {
		return diskv1alpha1.RegistryAccess{}
	}
	return diskv1alpha1.RegistryAccess{SecretRef: secretReference(c.SecretName), CABundleRef: bundleReference(c.CABundle), PlainHTTP: c.PlainHTTP}
}

// webServer is a URL with what is said of its server.
func webServer(at string, c *vmv1alpha1.HTTPConfig) diskv1alpha1.HTTPSource {
	h := diskv1alpha1.HTTPSource{URL: at}
	if c == nil {
		return h
	}
	h.SecretRef, h.CABundleRef = secretReference(c.SecretName), bundleReference(c.CABundle)
	for _, x := range c.Headers {
		h.Headers = append(h.Headers, diskv1alpha1.Header{Name: x.Name, Value: x.Value})
	}
	return h
}

// hasHost reports whether a URL is whole.
func hasHost(at string) bool {
	u, err := url.Parse(at)
	return err == nil && u.Hostname() != ""
}

func bundleReference(b *vmv1alpha1.CABundle) *diskv1alpha1.CABundleReference {
	if b == nil {
		return nil
	}
	return &diskv1alpha1.CABundleReference{Name: string(b.ConfigMapName), Key: b.Key}
}

func secretReference(name vmv1alpha1.ObjectName) *diskv1alpha1.SecretReference {
	if name == "" {
		return nil
	}
	return &diskv1alpha1.SecretReference{Name: string(name)}
}
