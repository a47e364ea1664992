// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's own checksum, to notice damage.
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc64"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	mib = 1 << 20

	// minPart is large enough that a request's own time does not count, and
	// what one copy of it in memory costs.
	minPart = 16 * mib

	// maxPart bounds memory: whoever calls Put holds one for each connection.
	maxPart = 127*mib + partMark

	// maxParts is S3's.
	maxParts = 10000

	// partMark makes the size of our parts one that nobody else's have.
	partMark = 4 << 10

	contentType = "application/octet-stream"
)

// partSize returns the size of the parts of an artifact of at most bound
// bytes.
func partSize(bound int64) (int64, error) {
	share := (max(bound, 0) + maxParts - 1) / maxParts
	size := max((share+mib-1)/mib*mib, minPart) + partMark
	if size > maxPart {
		return 0, transfer.Terminal(transfer.ReasonTargetRefused, fmt.Errorf("an artifact of up to %d bytes is too large for one object: %d are possible in %d parts of %d", bound, int64(maxPart)*maxParts, maxParts, int64(maxPart)))
	}
	return size, nil
}

// A part is what is known of a part that the store has.
type part struct {
	size int64
	md5  [md5.Size]byte
	crc  uint64
	tag  string // the ETag, in its quotes
}

// opaque reports whether a store's tags of parts are not their MD5s, as where
// it encrypts them with a key of the user's.
func (p part) opaque() bool {
	return !strings.EqualFold(strings.Trim(p.tag, `"`), hex.EncodeToString(p.md5[:]))
}

// A target is an object that is written.
type target struct{ store.Object }

// An Upload is an artifact that becomes an object. It implements disk.Upload.
type Upload struct {
	object target
	size   int64       // of each part but the last
	before store.Facts // what stood under the key
	table  *crc64.Table

	// beginning is taken by whoever begins the multipart upload.
	beginning chan struct{}

	mu        sync.Mutex
	id        string           // of the multipart upload; "" before it has begun
	listed    map[int32]listed // what the upload had when it was found
	abandoned []string         // other uploads of ours
	parts     map[int32]part
	whole     *[]byte // an artifact that fits the smallest part
	bare      bool    // the store knows no conditional requests
	contested bool    // another writer uses the same upload
}

// Create begins an artifact of at most bound bytes, or goes on with one that
// was begun. The errors are those of the store, classified, or that of the
// context; a retryable one is worth another call.
func Create(ctx context.Context, p store.Place, bound int64) (*Upload, error) {
	size, err := partSize(bound)
	if err != nil {
		return nil, err
	}
	u := &Upload{
		object: target{store.Target(p)}, size: size, table: crc64nvme.Table(),
		beginning: make(chan struct{}, 1), parts: map[int32]part{},
	}
	if u.before, err = u.object.Find(ctx, ""); err != nil {
		return nil, u.object.Cannot("look at", err)
	}
	if err := u.resume(ctx); err != nil {
		return nil, u.object.Cannot("list uploads of", err)
	}
	return u, nil
}

// Parts implements disk.Upload.
func (u *Upload) Parts() disk.Parts { return disk.Parts{Size: u.size} }

// Put implements disk.Upload.
func (u *Upload) Put(ctx context.Context, p []byte, off int64) (bool, error) {
	n := off/u.size + 1
	switch {
	case off%u.size != 0 || int64(len(p)) > u.size:
		return false, fmt.Errorf("cannot write %d bytes at %d of %s: its parts have %d", len(p), off, u.object.Place, u.size)
	case n > maxParts:
		return false, transfer.Terminal(transfer.ReasonTargetRefused, fmt.Errorf("cannot write %s: it has more than %d parts of %d bytes", u.object.Place, maxParts, u.size))
	case off == 0 && len(p) <= minPart:
		u.keepWhole(p)
		return false, nil
	}
	reused, err := u.putPart(ctx, p, int32(n))
	if err != nil {
		return false, u.object.Cannot("write", fmt.Errorf("part %d: %w", n, err))
	}
	return reused, nil
}

// keepWhole keeps an artifact that is shorter than the shortest part, until it
// is committed.
func (u *Upload) keepWhole(p []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := bytes.Clone(p)
	u.whole = &c
}

func (u *Upload) putPart(ctx context.Context, p []byte, n int32) (bool, error) {
	made := part{size: int64(len(p)), md5: md5.Sum(p), crc: crc64.Checksum(p, u.table)} //nolint:gosec // S3's own checksum, to notice damage.
	if tag, ok := u.has(n, made); ok {
		made.tag = tag
		u.done(n, made)
		return true, nil
	}
	id, err := u.begin(ctx)
	if err != nil {
		return false, err
	}
	out, err := store.Call(ctx, u.object.Object, func(ctx context.Context) (*api.UploadPartOutput, error) {
		body := lend(p)
		defer body.takeBack()
		in := &api.UploadPartInput{
			Bucket: &u.object.Bucket, Key: &u.object.Key, UploadId: &id, PartNumber: &n,
			Body: body, ContentMD5: aws.String(store.Encode(made.md5[:])),
		}
		if u.object.Conn.AWS() {
			in.ChecksumCRC64NVME = aws.String(crc64nvme.Encode(made.crc))
		}
		return u.object.Conn.UploadPart(ctx, in, unsigned)
	})
	if err != nil {
		return false, u.contest(err)
	}
	made.tag = aws.ToString(out.ETag)
	u.done(n, made)
	return false, nil
}

// unsigned leaves the body out of the signature, which would cost a SHA-256 of
// it. The signature covers its MD5.
func unsigned(o *api.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

func (u *Upload) done(n int32, p part) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts[n] = p
}

// contest notes that another writer has ended the upload or replaced a part of
// it. Such an upload is left to the other one.
func (u *Upload) contest(err error) error {
	var r *store.Refusal
	if !errors.As(err, &r) || r.Code != "NoSuchUpload" && r.Code != "InvalidPart" {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.contested = true
	return fmt.Errorf("somebody has ended this upload or replaced a part of it: %w", err)
}

// begin returns the multipart upload and begins it before the first part.
func (u *Upload) begin(ctx context.Context) (string, error) {
	select {
	case u.beginning <- struct{}{}:
		defer func() { <-u.beginning }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if id := u.current(); id != "" {
		return id, nil
	}
	out, err := store.Call(ctx, u.object.Object, func(ctx context.Context) (*api.CreateMultipartUploadOutput, error) {
		in := &api.CreateMultipartUploadInput{Bucket: &u.object.Bucket, Key: &u.object.Key, ContentType: aws.String(contentType)}
		if u.object.Conn.AWS() {
			in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
		}
		return u.object.Conn.CreateMultipartUpload(ctx, in)
	})
	if err != nil {
		return "", err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.id = aws.ToString(out.UploadId)
	return u.id, nil
}

func (u *Upload) current() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.id
}

// Abort implements disk.Upload.
func (u *Upload) Abort(ctx context.Context, keep bool) error {
	u.mu.Lock()
	ids := u.abandoned
	if u.id != "" && !u.contested {
		ids = append(ids[:len(ids):len(ids)], u.id)
	}
	u.whole = nil
	u.mu.Unlock()
	if keep {
		return nil
	}
	return u.object.abort(ctx, ids)
}
