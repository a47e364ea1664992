// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// maxWords is how many characters of a registry's own words stand in a
	// message.
	maxWords = 200

	// minSecretBytes is the length from which a secret is searched for in a
	// server's text: removing shorter ones would tell what they are.
	minSecretBytes = 4
)

// A StatusError is an answer whose status is not what was wanted.
type StatusError struct {
	Status int

	// RetryAfter is how long the server asked to wait. Zero: it did not.
	RetryAfter time.Duration

	text string
}

// Error implements error.
func (e *StatusError) Error() string { return e.text }

// Status returns the status of an answer that was refused; 0: err is none.
func Status(err error) int {
	var e *StatusError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// check returns an error unless a reply has one of the statuses.
func (c *Client) check(r *Reply, want ...int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	secrets := slices.Concat(c.secrets, addresses(r))
	err := statusError(r, "registry", secrets, c.o.Now(), want...)
	if err == nil || r.Status != http.StatusUnauthorized && r.Status != http.StatusForbidden {
		return err
	}
	return transfer.Terminal(transfer.ReasonUnauthorized, c.hint(err))
}

// hint says beside a refusal of credentials that there were none. The caller
// holds the lock.
func (c *Client) hint(err error) error {
	if !c.anonymous {
		return err
	}
	return fmt.Errorf("%w (no credentials for %s were found)", err, c.o.Registry)
}

func statusError(r *Reply, who string, secrets []string, now time.Time, want ...int) error {
	if slices.Contains(want, r.Status) {
		return nil
	}
	text := fmt.Sprintf("%s answers %s%s", who, status(r.Status), words(r, secrets))
	return &StatusError{Status: r.Status, RetryAfter: retryAfter(r.Header, now), text: text}
}

func status(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

// words returns ": " and what a registry says about its refusal (distribution
// specification, "Error Codes"), printable and bounded.
func words(r *Reply, secrets []string) string {
	var body struct {
		Errors []refusal
		// As token servers write it.
		Details string
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return ""
	}
	said := []string{body.Details}
	for _, e := range body.Errors {
		said = append(said, strings.Trim(e.Code+": "+e.Message+": "+e.cause(r.Status), ": "))
	}
	text := strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), "; ")
	for _, s := range secrets {
		if len(s) >= minSecretBytes {
			text = strings.ReplaceAll(text, s, "REDACTED")
		}
	}
	if text = printable(text); text == "" {
		return ""
	}
	return ": " + text
}

// A refusal is one error of a registry's answer.
type refusal struct {
	Code, Message string
	Detail        json.RawMessage
}

// cause is the detail of an error of the registry's own, such as that its disk is
// full, where it is a sentence. Any other repeats the request.
func (e refusal) cause(status int) string {
	var text string
	if status < http.StatusInternalServerError || json.Unmarshal(e.Detail, &text) != nil {
		return ""
	}
	return text
}

// addresses are what in a reply's URL tells where an upload is: the values in
// its query, which hold its state, and its name in the path.
func addresses(r *Reply) []string {
	all := []string{r.URL.RawQuery}
	for _, values := range r.URL.Query() {
		all = append(all, values...)
	}
	_, name, _ := strings.Cut(r.URL.Path, "/uploads/")
	return append(all, name)
}

// printable returns text without what a terminal or a log would act on.
func printable(text string) string {
	clean := []rune(strings.ToValidUTF8(text, "�"))
	for i, r := range clean {
		if !unicode.IsPrint(r) {
			clean[i] = ' '
		}
	}
	if len(clean) > maxWords {
		clean = append(clean[:maxWords-1], '…')
	}
	return strings.TrimSpace(string(clean))
}

// retryAfter reads Retry-After (RFC 9110 § 10.2.3): seconds, or a date.
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
