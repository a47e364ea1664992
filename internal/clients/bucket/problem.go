// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
)

// A Reason says in one word what somebody has to change.
type Reason string

// The reasons.
const (
	Conflict           Reason = "BucketConflict"
	NotEmpty           Reason = "BucketNotEmpty"
	Locked             Reason = "ObjectsLocked"
	WrongRegion        Reason = "WrongRegion"
	CredentialsRefused Reason = "CredentialsRefused"
	Denied             Reason = "StoreDenies"
	SettingRefused     Reason = "SettingRefused"
	PolicyDenied       Reason = "PolicyDenied"
)

// A Problem is what does not go away by trying again.
type Problem struct {
	Reason Reason

	// Message says in a sentence what is wrong and what to do. It holds no
	// credentials, and nothing that another try would change.
	Message string
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

// An answer is what a store says when it does not do what it is asked.
type answer struct {
	status        int
	code, message string
	region        string // of the bucket, where it says so
}

// denies reports whether the store says that these credentials may not do it.
func (a answer) denies() bool { return a.code == "AccessDenied" || a.status == http.StatusForbidden }

// answerOf returns the store's answer; a zero one if it gave none.
func answerOf(err error) answer {
	var a answer
	var re *awshttp.ResponseError
	if errors.As(err, &re) && re.Response != nil && re.Response.Response != nil {
		a.status = re.HTTPStatusCode()
		a.region = re.Response.Header.Get("X-Amz-Bucket-Region")
	}
	var e smithy.APIError
	if errors.As(err, &e) {
		a.code, a.message = e.ErrorCode(), e.ErrorMessage()
	}
	return a
}

// wordless reports whether a code is one that the SDK gives an answer which has
// none.
func (a answer) wordless() bool {
	switch a.code {
	case "", "BadRequest", "Bad Request", "NotFound", "UnknownError":
		return true
	}
	return false
}

// unsupported reports whether a store says that it cannot do what it is asked
// for. Some say it with a bare 400.
func unsupported(err error) bool {
	a := answerOf(err)
	switch a.code {
	case "NotImplemented", "XNotImplemented", "MethodNotAllowed", "UnsupportedOperation":
		return true
	}
	switch a.status {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return true
	case http.StatusBadRequest:
		return a.wordless()
	}
	return false
}

// absent reports whether a store says that nothing is set.
func absent(err error) bool {
	a := answerOf(err)
	return a.status == http.StatusNotFound && a.code != "NoSuchBucket"
}

// placeless reports whether a store refuses the region that a bucket is to be
// in.
func (a answer) placeless() bool {
	switch a.code {
	case "InvalidLocationConstraint", "IllegalLocationConstraintException", "InvalidRegion", "MalformedXML":
		return true
	}
	return a.status == http.StatusBadRequest && a.wordless()
}

// failed says what could not be done, and classifies why.
func (b *Bucket) failed(verb string, err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	a := answerOf(err)
	if r := b.reason(a); r != "" {
		return &Problem{Reason: r, Message: b.sentence(verb, r, a)}
	}
	var denied *guard.DeniedError
	if errors.As(err, &denied) {
		return &Problem{Reason: PolicyDenied, Message: fmt.Sprintf("The store cannot be asked: %s. Change the policy of the provider configuration, or the endpoint.", denied)}
	}
	if a.status != 0 {
		return errors.Errorf("cannot %s bucket %q: the store answers %s", verb, b.name, b.words(a))
	}
	return errors.Errorf("cannot %s bucket %q: %s", verb, b.name, b.conn.Scrub(cause(err)))
}

func (b *Bucket) reason(a answer) Reason {
	switch a.code {
	case "PermanentRedirect", "IllegalLocationConstraintException", "InvalidLocationConstraint":
		return WrongRegion
	case "AuthorizationHeaderMalformed":
		if a.region != "" && a.region != b.region {
			return WrongRegion
		}
		return CredentialsRefused
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired", "InvalidSecurity", "InvalidClientTokenId", "XAdminUserNotFound":
		return CredentialsRefused
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou":
		return Conflict
	case "BucketNotEmpty":
		return NotEmpty
	}
	switch a.status {
	case http.StatusMovedPermanently:
		return WrongRegion
	case http.StatusUnauthorized:
		return CredentialsRefused
	case http.StatusForbidden:
		return Denied
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		if a.code != "OperationAborted" && a.code != "RequestTimeout" && !a.wordless() {
			return SettingRefused
		}
	}
	return ""
}

func (b *Bucket) sentence(verb string, r Reason, a answer) string {
	switch r {
	case WrongRegion:
		if a.region != "" {
			return b.elsewhere(a.region).Message
		}
		return fmt.Sprintf("Bucket %q is not in region %q (%s): make an ImageBucket with the right region.", b.name, b.region, b.words(a))
	case CredentialsRefused:
		return fmt.Sprintf("The store does not accept the credentials (%s): correct the Secret that secretRef names.", b.words(a))
	case Denied:
		return fmt.Sprintf("The store does not let these credentials %s bucket %q (%s): grant them that right; or the bucket is somebody else's, then choose another name.", verb, b.name, b.words(a))
	case Conflict:
		return fmt.Sprintf("A bucket named %q exists already: choose another name, or name it in the annotation crossplane.io/external-name to adopt it.", b.name)
	case NotEmpty:
		return fmt.Sprintf("Bucket %q is not empty, and deletion.policy is Refuse: remove what it holds, or set deletion.policy: Empty to have all of it removed for good.", b.name)
	case SettingRefused, Locked, PolicyDenied:
	}
	return fmt.Sprintf("The store refuses to %s bucket %q: %s.", verb, b.name, b.words(a))
}

func (b *Bucket) elsewhere(region string) *Problem {
	return &Problem{Reason: WrongRegion, Message: fmt.Sprintf("Bucket %q is in region %q, not in %q: make an ImageBucket with that region.", b.name, region, b.region)}
}

// words are a store's answer without what differs from one time to the next.
func (b *Bucket) words(a answer) string {
	code := a.code
	if a.wordless() {
		code = http.StatusText(a.status)
	}
	text := strings.TrimRight(b.conn.Scrub(a.message), ". ")
	if text == "" || text == code {
		return fmt.Sprintf("%d %s", a.status, code)
	}
	return fmt.Sprintf("%d %s: %s", a.status, code, text)
}

// cause is the innermost cause of a request that had no answer. What is around
// it names ports of this end, which are others each time.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		where := ""
		if op.Addr != nil {
			where = " " + op.Addr.String()
		}
		return op.Op + where + ": " + op.Err.Error()
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
