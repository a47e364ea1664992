// SPDX-License-Identifier: Apache-2.0

// Package docs checks what people read and copy: that links lead somewhere,
// that the READMEs of both languages say the same, and that every example is
// one that an API server accepts.
package docs
