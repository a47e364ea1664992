// SPDX-License-Identifier: Apache-2.0

// Package remote makes requests to one repository of a registry (OCI
// distribution specification 1.1), and authenticates them.
//
// # Authentication
//
// The registry says in its first refusal how it wants to be authenticated to:
// with a user's name and password, or with a bearer token that another server
// gives for them (distribution's token authentication; with an identity token,
// OAuth2). A token is renewed before it expires, and whenever it is refused.
// The credentials are read again then, because a Secret can be rotated. A
// request that was refused is made once more with what is new, its body
// included: an upload goes on.
//
// # Where credentials go
//
// To the registry's own scheme, host and port, and to the server that the
// registry names for tokens; that must speak https when the registry does.
// Redirects are followed, and nothing secret goes along to another host. The
// transport decides which hosts may be connected to.
//
// The transport of go-containerregistry is not used: it makes a refused request
// again without its body, repeats answers of the token server in its errors,
// and refuses token servers at private addresses, which here the operator's
// policy decides.
package remote
