// SPDX-License-Identifier: Apache-2.0

package s3conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The files of a credentials folder. The secret has a second name, by which
// CDI knows it, so that one Secret serves both.
const (
	FileAccessKeyID     = "accessKeyId"
	FileSecretAccessKey = "secretAccessKey"
	FileSecretKey       = "secretKey"
	FileSessionToken    = "sessionToken"
)

// maxFileBytes bounds one file. A Kubernetes Secret cannot hold more.
const maxFileBytes = 1 << 20

// A Loader reads credentials.
type Loader func(ctx context.Context) (aws.Credentials, error)

// Folder returns a loader of a mounted Secret. Its errors hold no value.
func Folder(dir string) Loader {
	return func(context.Context) (aws.Credentials, error) {
		id, err := readFile(dir, FileAccessKeyID)
		if err != nil {
			return aws.Credentials{}, err
		}
		secret, err := readFile(dir, FileSecretAccessKey)
		if err == nil && secret == "" {
			secret, err = readFile(dir, FileSecretKey)
		}
		if err != nil {
			return aws.Credentials{}, err
		}
		token, err := readFile(dir, FileSessionToken)
		if err != nil {
			return aws.Credentials{}, err
		}
		if id == "" || secret == "" {
			return aws.Credentials{}, fmt.Errorf("the credentials folder wants the files %q and %q (or %q), and one of them is missing or empty", FileAccessKeyID, FileSecretAccessKey, FileSecretKey)
		}
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, Source: "folder"}, nil
	}
}

// readFile returns a file's content without the white space around it, which
// no key has; nothing when there is no such file.
func readFile(dir, name string) (string, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFileBytes {
		return "", fmt.Errorf("%q is larger than %d bytes", name, maxFileBytes)
	}
	return strings.TrimSpace(string(b)), nil
}

// A CredentialsError says that credentials could not be read. It holds none.
type CredentialsError struct{ Err error }

// Error implements error.
func (e *CredentialsError) Error() string { return "cannot read credentials: " + e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// keys are credentials that are read when they are needed and kept until they
// expire or are refused. They implement aws.CredentialsProvider.
type keys struct {
	load Loader

	mu      sync.Mutex
	current aws.Credentials
	reading int // how often they were read
}

// Retrieve implements aws.CredentialsProvider.
func (k *keys) Retrieve(ctx context.Context) (aws.Credentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reading == 0 || k.current.Expired() {
		if err := k.read(ctx); err != nil {
			return aws.Credentials{}, err
		}
	}
	return k.current, nil
}

func (k *keys) read(ctx context.Context) error {
	c, err := k.load(ctx)
	if err != nil {
		return &CredentialsError{err}
	}
	k.current = c
	k.reading++
	return nil
}

func (k *keys) generation() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reading
}

// renew reads the credentials again, unless somebody has done so since the
// given reading, and reports whether they are others than those.
func (k *keys) renew(ctx context.Context, reading int) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.reading != reading {
		return true, nil
	}
	before := k.current
	if err := k.read(ctx); err != nil {
		return false, err
	}
	if same(before, k.current) {
		k.reading = reading
		return false, nil
	}
	return true, nil
}

func same(a, b aws.Credentials) bool {
	return a.AccessKeyID == b.AccessKeyID && a.SecretAccessKey == b.SecretAccessKey && a.SessionToken == b.SessionToken
}

// minSecretBytes is the length from which a value is searched for in a store's
// text: removing shorter ones would tell what they are.
const minSecretBytes = 4

// scrub removes the credentials from text that somebody else wrote.
func (k *keys) scrub(text string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range []string{k.current.SecretAccessKey, k.current.SessionToken, k.current.AccessKeyID} {
		if len(s) >= minSecretBytes {
			text = strings.ReplaceAll(text, s, "REDACTED")
		}
	}
	return text
}
