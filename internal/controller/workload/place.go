// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"path"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// HTTP is a web server as a job document has it, with the files that are
// mounted for it.
func HTTP(src v1alpha1.HTTPSource, files credentials.Files) transfer.HTTPSource {
	out := transfer.HTTPSource{URL: src.URL, CredentialsDir: credentialsDir(files), CAFile: caFile(files)}
	for _, h := range src.Headers {
		out.Headers = append(out.Headers, transfer.Header{Name: h.Name, Value: h.Value})
	}
	return out
}

// S3 is an object in a bucket as a job document has it.
func S3(o v1alpha1.S3Object, files credentials.Files) transfer.S3Object {
	return transfer.S3Object{
		Endpoint: o.Endpoint, Region: o.Region, Bucket: o.Bucket, Key: o.Key,
		CredentialsDir: credentialsDir(files), CAFile: caFile(files),
	}
}

// Registry is an image in a registry as a job document has it.
func Registry(image string, a v1alpha1.RegistryAccess, files credentials.Files) transfer.RegistryImage {
	return transfer.RegistryImage{
		Image: image, PlainHTTP: a.PlainHTTP,
		CredentialsDir: credentialsDir(files), CAFile: caFile(files),
	}
}

func credentialsDir(files credentials.Files) string {
	if !files.Credentials() {
		return ""
	}
	return folderCredentials
}

func caFile(files credentials.Files) string {
	if len(files[credentials.FileCA]) == 0 {
		return ""
	}
	return path.Join(folderCA, credentials.FileCA)
}
