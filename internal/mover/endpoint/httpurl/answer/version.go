// SPDX-License-Identifier: Apache-2.0

// Package answer understands what an HTTP server answers to a read: whether
// it is the bytes that were asked for, of the version that was pinned, and
// what a refusal means.
package answer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Version identifies one version of a file, as far as its server can.
type Version struct {
	// Size in bytes, or disk.Unknown.
	Size int64

	etag     string
	modified string
}

// VersionOf returns the version that an answer is of. The size is the whole
// file's.
func VersionOf(r *http.Response) Version {
	v := Version{Size: disk.Unknown, etag: r.Header.Get("ETag"), modified: r.Header.Get("Last-Modified")}
	switch r.StatusCode {
	case http.StatusOK:
		v.Size = r.ContentLength
	case http.StatusPartialContent:
		if c, err := parseContentRange(r.Header.Get("Content-Range")); err == nil {
			v.Size = c.total
		}
	}
	return v
}

// Validator is the entity tag if there is one, else the time of the last
// change, else empty.
func (v Version) Validator() string {
	if v.etag != "" {
		return v.etag
	}
	return v.modified
}

// Strong is the entity tag when it is strong: only then do equal tags mean
// equal bytes (RFC 9110 §8.8.1).
func (v Version) Strong() string {
	if strings.HasPrefix(v.etag, `"`) {
		return v.etag
	}
	return ""
}

// Check returns an error whose reason is transfer.ReasonSourceChanged unless
// the answer is of the same version. What only one of the two says cannot be
// compared, but for a tag that an answer without a range must repeat.
func (v Version) Check(r *http.Response) error {
	now := VersionOf(r)
	switch {
	case v.Size != disk.Unknown && now.Size != disk.Unknown && v.Size != now.Size:
		return changed("it had %d bytes and has %d now", v.Size, now.Size)
	case v.etag != "" && now.etag != "" && v.etag != now.etag:
		return changed("its ETag was %.100q and is %.100q now", v.etag, now.etag)
	case v.etag != "" && now.etag == "" && r.StatusCode == http.StatusOK:
		return changed("its ETag was %.100q and is gone", v.etag)
	case v.etag == "" && v.modified != "" && now.modified != "" && v.modified != now.modified:
		return changed("it was last modified at %.40q and is at %.40q now", v.modified, now.modified)
	}
	return nil
}

func changed(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonSourceChanged, fmt.Errorf("the file changed: "+format, args...))
}

// A contentRange is a parsed Content-Range of one part (RFC 9110 §14.4).
type contentRange struct {
	first, last int64
	total       int64 // disk.Unknown for "*"
}

func parseContentRange(s string) (contentRange, error) {
	malformed := fmt.Errorf("its Content-Range is %.100q", s)
	unit, spec, ok := strings.Cut(s, " ")
	span, total, ok2 := strings.Cut(spec, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 || !strings.EqualFold(unit, "bytes") {
		return contentRange{}, malformed
	}
	c := contentRange{total: disk.Unknown}
	errs := []error{parseDecimal(first, &c.first), parseDecimal(last, &c.last)}
	if total != "*" {
		errs = append(errs, parseDecimal(total, &c.total))
	}
	if errors.Join(errs...) != nil || c.last < c.first || c.last == math.MaxInt64 || (c.total != disk.Unknown && c.last >= c.total) {
		return contentRange{}, malformed
	}
	return c, nil
}

func parseDecimal(s string, to *int64) error {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
	*to = int64(n)
	return err
}

// Range returns how many of the bytes that were asked for, n from offset off,
// a partial answer holds. A server may give fewer (RFC 9110 §15.3.7); other
// bytes than the ones asked for are a retryable error.
func Range(r *http.Response, off, n int64) (int64, error) {
	c, err := parseContentRange(r.Header.Get("Content-Range"))
	if err != nil {
		return 0, unavailable(fmt.Errorf("server answers with a part, but %w", err))
	}
	length := c.last - c.first + 1
	if c.first != off || length > n {
		return 0, unavailable(fmt.Errorf("server answers with bytes %d to %d when asked for %d to %d", c.first, c.last, off, off+n-1))
	}
	if r.ContentLength >= 0 && r.ContentLength != length {
		return 0, unavailable(fmt.Errorf("server announces %d bytes, and %d in its Content-Range", r.ContentLength, length))
	}
	return length, nil
}

func unavailable(err error) error {
	return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
}

// Encoding refuses an answer whose bytes are not the file's own. A file that
// is compressed itself may be labelled with its compression, as some servers
// do for "disk.img.gz": its bytes are what is wanted.
func Encoding(r *http.Response, file string) error {
	e := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if e == "" || e == "identity" || own(e, path.Ext(file)) {
		return nil
	}
	return transfer.Terminal(transfer.ReasonSourceRefused, fmt.Errorf(
		"server sends the file with Content-Encoding %.40q although it was asked not to; switch that off for the file, or name one that is compressed itself", e))
}

func own(encoding, ext string) bool {
	switch strings.ToLower(ext) {
	case ".gz", ".tgz":
		return encoding == "gzip" || encoding == "x-gzip"
	case ".zst":
		return encoding == "zstd"
	case ".xz", ".txz":
		return encoding == "xz" || encoding == "x-xz"
	case ".bz2":
		return encoding == "bzip2" || encoding == "x-bzip2"
	}
	return false
}

// Truncated is the error of a body that ends before it should. Another try
// may bring the rest.
func Truncated() error {
	return unavailable(fmt.Errorf("connection ends early: %w", io.ErrUnexpectedEOF))
}
