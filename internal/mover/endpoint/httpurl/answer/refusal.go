// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Refusal returns the error that an answer without the file's bytes stands
// for. It reads a little of the body for the server's own words, from which
// scrub removes secrets. now is the time from which a Retry-After date counts.
func Refusal(r *http.Response, scrub func(string) string, now time.Time) error {
	words := ownWords(r, scrub)
	err := error(&StatusError{Status: r.StatusCode, text: "server answers " + status(r) + words})
	switch s := r.StatusCode; {
	case s == http.StatusProxyAuthRequired:
		return transfer.Terminal(transfer.ReasonUnauthorized, fmt.Errorf("the proxy wants credentials: %w", err))
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return transfer.Terminal(transfer.ReasonUnauthorized, err)
	case s == http.StatusNotFound, s == http.StatusGone:
		return transfer.Terminal(transfer.ReasonSourceNotFound, err)
	case s == http.StatusPreconditionFailed, s == http.StatusRequestedRangeNotSatisfiable:
		return transfer.Terminal(transfer.ReasonSourceChanged, fmt.Errorf("the file is not the one that was opened: %w", err))
	case s == http.StatusBadRequest && r.Request.URL.Scheme == "http" && strings.Contains(strings.ToUpper(words), "HTTPS"):
		return transfer.Terminal(transfer.ReasonSourceRefused, fmt.Errorf("the port speaks https, the URL says http: %w", err))
	case Busy(s) || s >= http.StatusInternalServerError:
		return &transfer.Error{Reason: transfer.ReasonSourceUnavailable, Err: err, RetryAfter: retryAfter(r.Header, now)}
	}
	return transfer.Terminal(transfer.ReasonSourceRefused, err)
}

// A StatusError is an answer's status, and what the server says about it.
type StatusError struct {
	Status int
	text   string
}

// Error implements error.
func (e *StatusError) Error() string { return e.text }

// Overloaded reports whether err is a server's wish for fewer requests: 429 or
// 503, with a time to wait or without.
func Overloaded(err error) bool {
	var e *StatusError
	return errors.As(err, &e) && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable)
}

// Busy reports whether a status of the 400s asks to come again later.
func Busy(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
}

// status is the answer's code and its standard name: the reason phrase is the
// server's to choose, and may be anything.
func status(r *http.Response) string {
	if t := http.StatusText(r.StatusCode); t != "" {
		return strconv.Itoa(r.StatusCode) + " " + t
	}
	return strconv.Itoa(r.StatusCode)
}

// retryAfter reads Retry-After (RFC 9110 §10.2.3): seconds, or a date. It is
// zero when there is none that can be understood.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// TooManyRedirects is the error of a chain of redirects that does not end.
func TooManyRedirects(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonTooManyRedirects, fmt.Errorf(format, args...))
}

// Refused is the error of an answer that no other try can make useful.
func Refused(text string) error {
	return transfer.Terminal(transfer.ReasonSourceRefused, errors.New(text))
}
