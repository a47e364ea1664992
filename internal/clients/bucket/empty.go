// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// pageSize is the most that S3 lists, and deletes, by one request.
	pageSize = 1000

	// passTime is how long a pass may take before it ends after the request
	// that it makes: a reconciliation must not last.
	passTime = 20 * time.Second
)

// Removed is what a pass has removed.
type Removed struct {
	// Objects, versions and delete markers.
	Objects int64
	Uploads int64

	// Done says that nothing is left.
	Done bool
}

// Empty removes up to limit objects, versions, delete markers and unfinished
// uploads. It begins where it finds something: what a pass before has removed is
// not there any more. Objects that are locked are a Problem.
func (b *Bucket) Empty(ctx context.Context, limit int) (Removed, error) {
	p := &pass{Bucket: b, limit: limit, until: time.Now().Add(passTime)}
	if err := p.uploads(ctx); err != nil || p.over() {
		return p.Removed, err
	}
	for !p.over() {
		more, err := p.page(ctx)
		if err != nil {
			return p.Removed, err
		}
		if !more {
			p.Done = true
			return p.Removed, nil
		}
	}
	return p.Removed, nil
}

// A pass is one bounded removal.
type pass struct {
	*Bucket
	Removed

	limit int
	until time.Time
}

func (p *pass) over() bool {
	return int(p.Objects+p.Uploads) >= p.limit || !time.Now().Before(p.until)
}

// uploads ends the uploads that were not finished.
func (p *pass) uploads(ctx context.Context) error {
	in := &s3.ListMultipartUploadsInput{Bucket: &p.name}
	for {
		out, err := p.api.ListMultipartUploads(ctx, in)
		if unsupported(err) {
			return nil
		}
		if err != nil {
			return p.failed("list the uploads of", err)
		}
		for _, u := range out.Uploads {
			_, err := p.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &p.name, Key: u.Key, UploadId: u.UploadId})
			if err != nil && !absent(err) {
				return p.failed("end the uploads of", err)
			}
			p.Uploads++
			if p.over() {
				return nil
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// page removes the first objects that there are, and reports whether there were
// any.
func (p *pass) page(ctx context.Context) (bool, error) {
	found, err := p.list(ctx)
	if err != nil || len(found) == 0 {
		return false, err
	}
	return true, p.remove(ctx, found)
}

// list returns the first versions and delete markers, or the first objects of a
// store that has no versions.
func (p *pass) list(ctx context.Context) ([]types.ObjectIdentifier, error) {
	most := aws.Int32(int32(min(pageSize, int64(p.limit)-p.Objects-p.Uploads)))
	var found []types.ObjectIdentifier
	out, err := p.api.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &p.name, MaxKeys: most})
	if err == nil {
		for _, v := range out.Versions {
			found = append(found, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range out.DeleteMarkers {
			found = append(found, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		return found, nil
	}
	if !unsupported(err) {
		return nil, p.failed("list the versions of", err)
	}
	plain, err := p.api.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &p.name, MaxKeys: most})
	if err != nil {
		return nil, p.failed("list the objects of", err)
	}
	for _, o := range plain.Contents {
		found = append(found, types.ObjectIdentifier{Key: o.Key})
	}
	return found, nil
}

// remove deletes objects by one request, or one by one in a store that cannot.
func (p *pass) remove(ctx context.Context, found []types.ObjectIdentifier) error {
	out, err := p.api.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &p.name, Delete: &types.Delete{Objects: found, Quiet: aws.Bool(true)}})
	switch {
	case unsupported(err):
		return p.removeEach(ctx, found)
	case err != nil:
		return p.failed("empty", err)
	}
	p.Objects += int64(len(found) - len(out.Errors))
	if len(out.Errors) == 0 {
		return nil
	}
	e := out.Errors[0]
	return p.kept(ctx, types.ObjectIdentifier{Key: e.Key, VersionId: e.VersionId}, answer{code: aws.ToString(e.Code), message: aws.ToString(e.Message)})
}

func (p *pass) removeEach(ctx context.Context, found []types.ObjectIdentifier) error {
	for _, o := range found {
		_, err := p.api.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.name, Key: o.Key, VersionId: o.VersionId})
		if err != nil && !absent(err) {
			a := answerOf(err)
			if a.status == 0 {
				return p.failed("empty", err)
			}
			return p.kept(ctx, o, a)
		}
		p.Objects++
		if p.over() {
			return nil
		}
	}
	return nil
}

// kept says why an object could not be removed. Stores have many words for an
// object that is locked; but whether it is they all say.
func (p *pass) kept(ctx context.Context, o types.ObjectIdentifier, a answer) error {
	key := aws.ToString(o.Key)
	until, locked := p.locked(ctx, o, a)
	switch {
	case locked:
		return &Problem{Reason: Locked, Message: fmt.Sprintf("Object %q in bucket %q is locked %s, so that the bucket cannot be emptied: wait until that ends, or release the lock.", key, p.name, until)}
	case a.denies():
		return &Problem{Reason: Denied, Message: fmt.Sprintf("The store does not let these credentials delete object %q in bucket %q: grant them that right.", key, p.name)}
	}
	return fmt.Errorf("cannot delete object %q in bucket %q: the store answers %s %s", key, p.name, a.code, p.conn.Scrub(a.message))
}

// locked reports whether an object is locked, and by what or until when.
func (p *pass) locked(ctx context.Context, o types.ObjectIdentifier, a answer) (string, bool) {
	hold, err := p.api.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: &p.name, Key: o.Key, VersionId: o.VersionId})
	if err == nil && hold.LegalHold != nil && hold.LegalHold.Status == types.ObjectLockLegalHoldStatusOn {
		return "by a legal hold", true
	}
	r, err := p.api.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &p.name, Key: o.Key, VersionId: o.VersionId})
	if err == nil && r.Retention != nil && r.Retention.RetainUntilDate != nil {
		return "until " + r.Retention.RetainUntilDate.UTC().Format(time.RFC3339), time.Now().Before(*r.Retention.RetainUntilDate)
	}
	if !a.denies() {
		return "", false
	}
	return p.lockedByDefault(ctx)
}

// lockedByDefault reports whether the bucket's default retention may lock what
// has none of its own. With AWS objects have it from the moment that they are
// written; some stores look only when an object is to be deleted.
func (p *pass) lockedByDefault(ctx context.Context) (string, bool) {
	if !p.generic {
		return "", false
	}
	c, err := p.api.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &p.name})
	if err != nil || c.ObjectLockConfiguration == nil || c.ObjectLockConfiguration.Rule == nil || c.ObjectLockConfiguration.Rule.DefaultRetention == nil {
		return "", false
	}
	r := c.ObjectLockConfiguration.Rule.DefaultRetention
	days := aws.ToInt32(r.Days) + daysOfYear*aws.ToInt32(r.Years)
	return fmt.Sprintf("by the bucket's default retention (%s, %d days)", r.Mode, days), days > 0
}
