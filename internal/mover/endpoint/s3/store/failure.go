// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxWords is how many characters of a store's own words stand in a message.
const maxWords = 300

// A role says which reasons a failure at one end of a transfer has.
type role struct{ noKey, noBucket, refused, changed, unavailable transfer.Reason }

func source() role {
	return role{
		noKey:       transfer.ReasonSourceNotFound,
		noBucket:    transfer.ReasonSourceNotFound,
		refused:     transfer.ReasonSourceRefused,
		changed:     transfer.ReasonSourceChanged,
		unavailable: transfer.ReasonSourceUnavailable,
	}
}

// target misses no key: an object that was there and is gone was removed by
// somebody else.
func target() role {
	return role{
		noKey:       transfer.ReasonTargetChanged,
		noBucket:    transfer.ReasonTargetRefused,
		refused:     transfer.ReasonTargetRefused,
		changed:     transfer.ReasonTargetChanged,
		unavailable: transfer.ReasonTargetUnavailable,
	}
}

// A Refusal is a store's answer that is not what was asked for.
type Refusal struct {
	Status int
	Code   string // the store's, such as NoSuchKey
	text   string
}

// Error implements error.
func (r *Refusal) Error() string { return r.text }

// Overloaded reports whether err is a store's wish for fewer requests.
func Overloaded(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && (r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable || r.Code == "SlowDown")
}

// denied reports whether the SDK's error is one that other credentials may
// mend. The answer to a HEAD says no more than its status.
func denied(err error) bool {
	r := parse(err)
	if r == nil {
		return false
	}
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return Expired(r.Code) || KeyRefused(r.Code) || (r.Status == http.StatusBadRequest && r.Code == "BadRequest")
}

// KeyRefused reports whether a code says that the credentials themselves are
// wrong, and not only what they may do.
func KeyRefused(code string) bool { return keyTrouble(code) != "" }

// keyTrouble says what is wrong with credentials; "" when the code does not say
// it.
func keyTrouble(code string) string {
	switch code {
	case "InvalidAccessKeyId", "InvalidClientTokenId", "XAdminUserNotFound", "NoSuchUser":
		return "the store does not know the access key: look at " + s3conn.FileAccessKeyID + ", and whether it is a key of this store"
	case "SignatureDoesNotMatch", "InvalidSignature":
		return "the secret key does not belong to the access key: look at " + s3conn.FileSecretAccessKey
	case "InvalidToken", "InvalidSecurity":
		return "the session token is not one that belongs to the access key: look at " + s3conn.FileSessionToken + ", which keys that do not expire have none of"
	}
	return ""
}

// Expired reports whether a code says that a session token has expired.
func Expired(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return true
	}
	return false
}

// parse returns the refusal that the SDK's error stands for; nil when there was
// no answer, or one that breaks off. An answer that is not S3's, as of a proxy
// before the store, is known by its status alone.
func parse(err error) *Refusal {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return nil
	}
	r := &Refusal{Status: answer.HTTPStatusCode()}
	var e smithy.APIError
	switch {
	case errors.As(err, &e):
		r.Code, r.text = e.ErrorCode(), e.ErrorMessage()
	case r.Status < http.StatusMultipleChoices:
		return nil
	default:
		r.Code = http.StatusText(r.Status)
	}
	return r
}

// classify gives an error of the SDK its reason and takes every secret from
// its text.
func (o Object) classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *transfer.Error
	if errors.As(err, &known) {
		return &transfer.Error{Reason: o.role.own(known.Reason), Err: known.Err, RetryAfter: known.RetryAfter}
	}
	var credentials *s3conn.CredentialsError
	if errors.As(err, &credentials) {
		return transfer.Terminal(transfer.ReasonUnauthorized, credentials)
	}
	r := parse(err)
	if r == nil {
		return o.silence(err)
	}
	words := o.printable(r.text)
	r.text = fmt.Sprintf("store answers %d %s", r.Status, o.printable(r.Code))
	if words != "" && words != r.Code {
		r.text += ": " + words
	}
	var answer *smithyhttp.ResponseError
	errors.As(err, &answer)
	return o.reason(r, answer.Response.Header)
}

// silence classifies an error without an answer. A request that was never sent
// is one that the SDK can make nothing of.
func (o Object) silence(err error) error {
	text := errors.New(o.printable(err.Error()))
	var sent *smithyhttp.RequestSendError
	var answered *smithyhttp.ResponseError
	if errors.As(err, &sent) || errors.As(err, &answered) {
		return transfer.Retryable(o.role.unavailable, text)
	}
	return transfer.Terminal(o.role.refused, text)
}

// own turns a reason of the connection, which is said of a source, into the
// role's.
func (r role) own(reason transfer.Reason) transfer.Reason {
	switch reason {
	case transfer.ReasonSourceUnavailable:
		return r.unavailable
	case transfer.ReasonSourceRefused:
		return r.refused
	}
	return reason
}

// reason gives a refusal its reason: by the store's code, and where that says
// too little by the status.
func (o Object) reason(r *Refusal, h http.Header) error {
	switch {
	case Expired(r.Code):
		return o.hasExpired(r)
	case KeyRefused(r.Code):
		return transfer.Terminal(transfer.ReasonUnauthorized, fmt.Errorf("%s: %w", keyTrouble(r.Code), r))
	case r.Code == "RequestTimeTooSkewed":
		return transfer.Retryable(o.role.unavailable, wrongClock(r, h))
	case r.Code == "NoSuchBucket":
		return transfer.Terminal(o.role.noBucket, fmt.Errorf("there is no bucket %s: %w", o.Bucket, r))
	case redirected(r):
		return transfer.Terminal(o.role.refused, otherRegion(r, h))
	case full(r):
		return transfer.Terminal(transfer.ReasonOutOfSpace, r)
	case passing(r):
		return &transfer.Error{Reason: o.role.unavailable, Err: r, RetryAfter: retryAfter(h)}
	case r.Code == "NoSuchKey":
		return transfer.Terminal(o.role.noKey, r)
	case r.Code == "NoSuchUpload", r.Code == "InvalidPart":
		return transfer.Terminal(o.role.changed, r)
	case r.Code == "InvalidObjectState":
		return transfer.Terminal(o.role.refused, fmt.Errorf("the object is in an archive; restore it first: %w", r))
	}
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return o.unauthorized(r)
	case http.StatusNotFound:
		return transfer.Terminal(o.role.noBucket, r)
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return transfer.Terminal(o.role.changed, r)
	}
	return transfer.Terminal(o.role.refused, r)
}

func (o Object) unauthorized(r *Refusal) error {
	if why := o.Conn.Anonymous(); why != nil {
		return transfer.Terminal(transfer.ReasonUnauthorized, fmt.Errorf("%w (the request was anonymous, since no credentials were found)", r))
	}
	return transfer.Terminal(transfer.ReasonUnauthorized, r)
}

// hasExpired waits for whoever renews a session token: in a cluster the new
// one arrives within a minute or two.
func (o Object) hasExpired(r *Refusal) error {
	if o.Conn.Renewable() {
		return transfer.Retryable(o.role.unavailable, fmt.Errorf("the session token has expired and has not been renewed yet: %w", r))
	}
	return transfer.Terminal(transfer.ReasonUnauthorized, r)
}

// wrongClock says how far this machine's clock and the store's are apart, since
// one of them must be set. Which one is the administrator's knowledge.
func wrongClock(r *Refusal, h http.Header) error {
	theirs, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return fmt.Errorf("the clock of this machine or the store's is wrong: %w", r)
	}
	apart := time.Since(theirs).Round(time.Second)
	if apart < 0 {
		return fmt.Errorf("the clock of this machine is %s behind the store's; set the one that is wrong: %w", -apart, r)
	}
	return fmt.Errorf("the clock of this machine is %s ahead of the store's; set the one that is wrong: %w", apart, r)
}

// redirected reports whether a store wants the request in another region.
func redirected(r *Refusal) bool {
	switch r.Code {
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return true
	}
	return r.Status >= http.StatusMultipleChoices && r.Status < http.StatusBadRequest
}

func otherRegion(r *Refusal, h http.Header) error {
	if region := h.Get("X-Amz-Bucket-Region"); region != "" {
		return fmt.Errorf("the bucket is in region %.40q; name that region: %w", region, r)
	}
	return fmt.Errorf("the bucket is in another region; name it: %w", r)
}

// full reports whether the store has no room left.
func full(r *Refusal) bool {
	switch r.Code {
	case "QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded":
		return true
	}
	return r.Status == http.StatusInsufficientStorage
}

// passing reports whether the same request can succeed later. A digest that
// does not fit was damaged on the way.
func passing(r *Refusal) bool {
	switch r.Code {
	case "SlowDown", "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "OperationAborted", "Throttling", "ThrottlingException":
		return true
	}
	switch r.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return r.Status >= http.StatusInternalServerError && !Unknown(r)
}

// Unknown reports whether the store does not know what was asked for.
func Unknown(r *Refusal) bool {
	return r.Code == "NotImplemented" || r.Status == http.StatusNotImplemented
}

// retryAfter reads Retry-After (RFC 9110 §10.2.3) in seconds; as a date it is
// not used by stores.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(h.Get("Retry-After")), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// printable returns a text without secrets and without what a terminal or a
// log would act on, cut to maxWords characters.
func (o Object) printable(text string) string {
	clean := []rune(strings.ToValidUTF8(strings.TrimSpace(o.Conn.Scrub(text)), "�"))
	for i, r := range clean {
		if !unicode.IsPrint(r) {
			clean[i] = ' '
		}
	}
	if len(clean) > maxWords {
		clean = append(clean[:maxWords-1], '…')
	}
	return string(clean)
}
