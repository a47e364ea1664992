// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/block"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/file"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/upload"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/policy"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// openDisk opens the disk that a job exports.
func (m *move) openDisk(path string) (disk.Reader, error) {
	if block.IsDevice(path) {
		return block.OpenDisk(path)
	}
	d, err := file.OpenDisk(path)
	if filepath.Base(path) == nameOnClaim && (err == nil || transfer.ReasonOf(err) == transfer.ReasonSourceNotFound) {
		m.lookBeside(path, err == nil)
	}
	return d, err
}

// openUpload begins the job's artifact, of at most bound bytes.
func (m *move) openUpload(ctx context.Context, bound int64) (disk.Upload, error) {
	switch a := m.job.Artifact; {
	case a.S3 != nil:
		return uploadS3(ctx, m.job, bound, &m.counters)
	case a.Registry != nil:
		return m.uploadRegistry(ctx)
	case a.HTTP != nil:
		return m.uploadHTTP(ctx, a.HTTP)
	default:
		return file.CreateUpload(file.UploadOptions{
			Path: a.File.Path, UID: a.File.UID, GID: a.File.GID, Mode: a.File.Mode, Overwrite: m.options.Overwrite,
			Note: m.noted,
		})
	}
}

func (m *move) uploadHTTP(ctx context.Context, u *transfer.HTTPUpload) (disk.Upload, error) {
	p, err := policy.New(m.job.Policy)
	if err != nil {
		return nil, err
	}
	again := retry.Policy{Retries: m.job.Limits.Retries, Observe: m.retried}
	o := upload.Options{
		URL:      u.URL,
		Method:   u.Method,
		Headers:  u.Headers,
		CheckURL: p.CheckURL,
		Again:    func(ctx context.Context, try func(context.Context) error) error { return retry.Do(ctx, again, try) },
		Link:     link.Options{CAFile: u.CAFile, Control: p.Control},
	}
	if u.CredentialsDir != "" {
		o.Credentials = func() (auth.Credentials, error) { return auth.Load(u.CredentialsDir) }
	}
	return upload.Create(ctx, o)
}

// remove removes what the job says was made, and what uploads to its name have
// left behind.
func (m *move) remove(ctx context.Context) error {
	if err := m.job.Validate(); err != nil {
		return err
	}
	switch a := m.job.Artifact; {
	case a.S3 != nil:
		return removeS3(ctx, m.job, &m.counters)
	case a.Registry != nil:
		return m.removeRegistry(ctx)
	case a.HTTP != nil:
		return nil // A server that takes files need not remove them: it was never asked whether it does.
	default:
		version := ""
		if m.job.Made != nil {
			version = m.job.Made.Validator
		}
		removed, err := file.Remove(a.File.Path, version)
		if _, there := os.Lstat(a.File.Path); err == nil && !removed && version != "" && there == nil {
			m.noted(disk.Replaced)
		}
		return err
	}
}

// artifactSource is where an artifact can be read that has been placed.
func artifactSource(a *transfer.Artifact, p disk.Placed) transfer.Source {
	switch {
	case a.S3 != nil:
		o := *a.S3
		o.VersionID = p.VersionID
		return transfer.Source{S3: &o}
	case a.Registry != nil:
		r := *a.Registry
		r.Image = strings.TrimPrefix(p.URI, "docker://") // By its digest: the tag can be another writer's by now.
		return transfer.Source{Registry: &r}
	case a.HTTP != nil:
		return transfer.Source{HTTP: &a.HTTP.HTTPSource}
	}
	return transfer.Source{File: &transfer.FileSource{Path: a.File.Path}}
}
