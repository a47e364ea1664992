// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"cmp"
	"strings"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/s3conn"
)

// defaultRegion is where a bucket is whose region nobody names.
const defaultRegion = "us-east-1"

// connectionDetails lead to the artifact: for people, and by the names that the
// sources of a DiskImport and the connection Secret of an ImageBucket have. They
// hold no credentials. The bucket of a reference has been put into the spec.
func connectionDetails(cr *v1alpha1.DiskExport) map[string][]byte {
	a := cr.Status.AtProvider.Artifact
	if a == nil {
		return nil
	}
	d := map[string][]byte{"uri": []byte(a.URI), "digest": []byte(a.Digest)}
	for k, v := range source(cr.Spec.ForProvider.Target, *a) {
		if v != "" {
			d[k] = []byte(v)
		}
	}
	return d
}

// source is what a DiskImport has to be told to read an artifact.
func source(t v1alpha1.ExportTarget, a v1alpha1.ArtifactObservation) map[string]string {
	switch {
	case t.S3 != nil:
		region := cmp.Or(t.S3.Region, defaultRegion)
		return map[string]string{
			"endpoint": cmp.Or(t.S3.Endpoint, s3conn.Endpoint(region)), "region": region,
			"bucket": t.S3.Bucket, "key": t.S3.Key, "versionID": a.VersionID,
		}
	case t.Registry != nil:
		// By its digest: the tag may be another image's later.
		return map[string]string{"image": strings.TrimPrefix(a.URI, "docker://")}
	case t.HTTP != nil && t.HTTP.Method != v1alpha1.MethodPost:
		return map[string]string{"url": t.HTTP.URL}
	}
	return nil
}
