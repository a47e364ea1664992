// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"path/filepath"

	"github.com/novasphere/provider-wukong/internal/dockerconfig"
)

// fromConfig finds the credentials for a resource in a docker configuration.
// run is nil where no helper may be run.
func fromConfig(file string, run Runner, r Resource) (Login, error) {
	b, err := read(file)
	if err != nil {
		return Login{}, err
	}
	c, err := dockerconfig.Parse(b)
	if err != nil {
		return Login{}, fmt.Errorf("%q is no docker configuration: %w", filepath.Base(file), err)
	}
	found, ok, err := c.Find(r.Registry, r.Repository)
	if ok || err != nil {
		return Login(found), err
	}
	helper := c.Helper(r.Registry)
	switch {
	case helper == "":
		return Login{}, nil
	case run == nil:
		return Login{}, fmt.Errorf("%q leaves them to the credential helper %.40q, which cannot be used here: it is a program of the machine on which "+
			"`docker login` was run; put the credentials themselves into it, or give username and password", filepath.Base(file), helper)
	}
	return fromHelper(run, helper, r)
}
