// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // S3's own checksum, to notice damage.
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/multipart"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A sum is what the object must have when it is there.
type sum struct {
	size int64
	crc  uint64

	// tag is the MD5 of the parts' tags, as S3 makes it; "" when these are no
	// MD5s. hashed says that they are known to be those of the parts' bytes: a
	// store may have numbers of its own in their form.
	tag    string
	hashed bool
}

// of reports whether an object is the one with the sum, as far as the store
// lets it be told.
func (s sum) of(f store.Facts) bool {
	if !f.Exists || f.Size != s.size {
		return false
	}
	if f.CRC != "" {
		return f.CRC == crc64nvme.Encode(s.crc)
	}
	return s.tag != "" && multipart.BareTag(f.Tag) == s.tag
}

// Commit implements disk.Upload. After an error that is retryable it can be
// called again.
func (u *Upload) Commit(ctx context.Context, s disk.Sum) (disk.Placed, error) {
	want, err := u.sum(s)
	if err != nil {
		return disk.Placed{}, u.object.Cannot("complete", err)
	}
	now, err := u.place(ctx, want)
	if err != nil {
		return disk.Placed{}, u.object.Cannot("complete", err)
	}
	// The artifact is there: that something is left is for the next one to
	// mend.
	_ = u.Abort(ctx, false)
	return disk.Placed{URI: u.object.String(), Digest: crc64nvme.Digest(want.crc), Validator: now.Tag, VersionID: now.Version}, nil
}

// place gives the artifact its name, unless that has happened already, and
// returns what is there then.
func (u *Upload) place(ctx context.Context, want sum) (store.Facts, error) {
	now, err := u.object.Find(ctx, "")
	switch {
	case err != nil:
		return store.Facts{}, err
	case want.of(now):
		return now, nil // an answer was lost, or the same artifact stood there
	case !now.Same(u.before):
		return store.Facts{}, replaced(u.before, now)
	}
	tag, err := u.finish(ctx, want)
	if err != nil {
		return u.lost(ctx, want, u.contest(err))
	}
	if now, err = u.object.Find(ctx, ""); err != nil {
		return store.Facts{}, err
	}
	if err := u.verify(ctx, want, now, tag); err != nil {
		return store.Facts{}, err
	}
	u.upload = nil // It has become the object.
	return now, nil
}

// lost looks whether a request was carried out although it seems to have
// failed: an earlier one's answer may have been lost.
func (u *Upload) lost(ctx context.Context, want sum, cause error) (store.Facts, error) {
	if transfer.ReasonOf(cause) != transfer.ReasonTargetChanged {
		return store.Facts{}, cause
	}
	now, err := u.object.Find(ctx, "")
	if err == nil && want.of(now) {
		return now, nil
	}
	return store.Facts{}, cause
}

func replaced(before, now store.Facts) error {
	what := "replaced the object that was there"
	switch {
	case !before.Exists:
		what = "put an object there"
	case !now.Exists:
		what = "removed the object that was there"
	}
	return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("another writer has %s meanwhile", what))
}

// verify compares what is there with what was sent. tag is what the store said
// when it took the artifact.
func (u *Upload) verify(ctx context.Context, want sum, now store.Facts, tag string) error {
	switch {
	case now.Same(u.before) && now.Tag != tag:
		// Some stores answer while they still put the parts together.
		return transfer.Retryable(transfer.ReasonTargetUnavailable, errors.New("store has taken the artifact and does not show it yet"))
	case multipart.BareTag(now.Tag) != multipart.BareTag(tag):
		return replaced(u.before, now)
	case want.permits(now):
		return nil
	}
	crc := crc64nvme.Encode(want.crc)
	err := fmt.Errorf("store has %d bytes with entity tag %.80q and CRC64NVME %.20q; sent were %d bytes with %s and %s", now.Size, now.Tag, now.CRC, want.size, want.tag, crc)
	return errors.Join(transfer.Retryable(transfer.ReasonTargetError, err), remove(ctx, u.object, now, ""))
}

// permits reports whether nothing of an object contradicts the sum. Where the
// store tells no CRC, its tag must be the sum's if it is made of MD5s.
func (s sum) permits(f store.Facts) bool {
	if f.Size != s.size {
		return false
	}
	if f.CRC != "" {
		return f.CRC == crc64nvme.Encode(s.crc)
	}
	digest, parts, _ := strings.Cut(multipart.BareTag(f.Tag), "-")
	_, wantParts, _ := strings.Cut(s.tag, "-")
	made := multipart.IsMD5(digest) && parts == wantParts
	return !s.hashed || f.Encrypted || !made || multipart.BareTag(f.Tag) == s.tag
}

// sum returns what the object must have, from its parts.
func (u *Upload) sum(s disk.Sum) (sum, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.parts) == 0 {
		if u.whole == nil {
			u.whole = &[]byte{}
		}
		if int64(len(*u.whole)) != s.Size {
			return sum{}, fmt.Errorf("%d of its %d bytes were written", len(*u.whole), s.Size)
		}
		tag := md5.Sum(*u.whole) //nolint:gosec // S3's own checksum, to notice damage.
		return sum{size: s.Size, crc: crc64nvme.Checksum(*u.whole), tag: hex.EncodeToString(tag[:]), hashed: true}, nil
	}
	out := sum{hashed: true, tag: multipart.TagOf(u.parts)}
	for n := range int32(len(u.parts)) {
		p, ok := u.parts[n+1]
		if !ok || out.size != int64(n)*u.size {
			return sum{}, fmt.Errorf("part %d of %d is missing or short", n+1, len(u.parts))
		}
		out.crc = crc64nvme.Combine(out.crc, p.CRC, p.Size)
		out.size += p.Size
		out.hashed = out.hashed && p.Hashed
	}
	if out.size != s.Size {
		return sum{}, fmt.Errorf("%d of its %d bytes were written", out.size, s.Size)
	}
	return out, nil
}

// finish makes the object of what was sent, if the key still has what it had,
// and returns the store's tag of it.
func (u *Upload) finish(ctx context.Context, want sum) (string, error) {
	tag, err := u.request(ctx, want)
	var r *store.Refusal
	if u.bare || !errors.As(err, &r) || !store.Unknown(r) {
		return tag, err
	}
	u.bare = true
	return u.request(ctx, want)
}

func (u *Upload) request(ctx context.Context, want sum) (string, error) {
	var c multipart.Conditions
	switch {
	case u.bare:
	case u.before.Exists:
		c.Match = &u.before.Tag
	default:
		c.NoneMatch = aws.String("*")
	}
	if len(u.parts) == 0 {
		return u.putObject(ctx, want, c)
	}
	return u.upload.Complete(ctx, u.parts, want.crc, c)
}

func (u *Upload) putObject(ctx context.Context, want sum, c multipart.Conditions) (string, error) {
	digest := md5.Sum(*u.whole) //nolint:gosec // S3's own checksum, to notice damage.
	out, err := store.Call(ctx, u.object, func(ctx context.Context) (*api.PutObjectOutput, error) {
		in := &api.PutObjectInput{
			Bucket: &u.object.Bucket, Key: &u.object.Key, IfMatch: c.Match, IfNoneMatch: c.NoneMatch,
			Body: bytes.NewReader(*u.whole), ContentMD5: aws.String(store.Encode(digest[:])), ContentType: aws.String(multipart.ContentType),
		}
		if u.object.Conn.AWS() {
			in.ChecksumCRC64NVME = aws.String(crc64nvme.Encode(want.crc))
		}
		return u.object.Conn.PutObject(ctx, in, multipart.Unsigned)
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}
