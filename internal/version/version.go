// SPDX-License-Identifier: Apache-2.0

// Package version says which build this is.
package version

// Version is set by the linker: -ldflags "-X …/internal/version.Version=v1.2.3".
var Version = "v0.0.0-dev" //nolint:gochecknoglobals // The linker can set nothing else.
