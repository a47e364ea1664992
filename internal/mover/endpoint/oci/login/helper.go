// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/novasphere/provider-wukong/internal/dockerconfig"
)

// A Runner runs a credential helper, `docker-credential-NAME get`, with the
// registry on its standard input, and returns what it writes.
type Runner func(name, registry string) ([]byte, error)

// ErrNoCredentials is a Runner's error for a registry of which the helper knows
// nothing.
var ErrNoCredentials = errors.New("the credential helper knows nothing of it")

// notFound is what a helper writes in that case: docker-credential-helpers,
// credentials/error.go, where it is part of the protocol.
const notFound = "credentials not found in native keychain"

func runHelper(ctx context.Context, name, registry string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get") //nolint:gosec // The user's own configuration names it.
	cmd.Stdin = strings.NewReader(registry)
	out, err := cmd.Output()
	if err != nil && bytes.Contains(out, []byte(notFound)) {
		return nil, ErrNoCredentials
	}
	return out, err
}

// fromHelper asks a credential helper (docker-credential-helpers,
// "Development").
func fromHelper(run Runner, helper string, r Resource) (Login, error) {
	server := r.Registry
	if dockerconfig.Host(server) == dockerconfig.Hub {
		server = "https://" + dockerconfig.Hub + "/v1/"
	}
	if helper != filepath.Base(helper) {
		return Login{}, errors.New("the name of its credential helper is a path")
	}
	out, err := run(helper, server)
	if errors.Is(err, ErrNoCredentials) {
		return Login{}, nil
	}
	if err != nil {
		return Login{}, fmt.Errorf("cannot ask credential helper %.40q: %w", helper, err)
	}
	var answer struct{ Username, Secret string }
	if json.Unmarshal(bytes.TrimSpace(out), &answer) != nil {
		return Login{}, fmt.Errorf("credential helper %.40q does not answer in JSON", helper)
	}
	if answer.Username == "<token>" {
		return Login{IdentityToken: answer.Secret}, nil
	}
	return Login{Username: answer.Username, Password: answer.Secret}, nil
}
