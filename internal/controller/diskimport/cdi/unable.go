// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Clones reports whether a source is a disk that is cloned.
func Clones(s v1alpha1.ImportSource) bool {
	return s.PVC != nil || s.Snapshot != nil || s.DataSource != nil
}

// Unable returns what CDI cannot do of what is asked for, or nil. What the API
// server can see of it, it has refused already.
func Unable(p v1alpha1.DiskImportParameters, files credentials.Files, policy configv1alpha1.Policy) *diagnosis.Finding {
	var unsuited string
	switch t, c := p.Transfer, login(p.Source, files); {
	case t.Connections != nil, t.BandwidthLimit != nil, len(t.NodeSelector) > 0, len(t.Tolerations) > 0, t.Resources != nil:
		unsuited = "CDI heeds deadline, retries and priorityClassName of transfer alone: leave the others out"
	case len(p.Target.AccessModes) > 1:
		unsuited = "CDI makes a claim with one access mode: write one in target.accessModes"
	case len(files[credentials.FileToken]) > 0, len(files[credentials.FileHeaders]) > 0:
		unsuited = "CDI takes username and password from the Secret of a web server, and neither token nor headers"
	case len(files[credentials.FileSessionToken]) > 0:
		unsuited = "CDI takes no session token for a bucket: use keys that last"
	case c.IdentityToken != "", c.RegistryToken != "":
		unsuited = "CDI takes username and password for a registry, and no token: give the Secret a password"
	case p.Source.Registry != nil && !architectureAlone(p.Source.Registry.Platform):
		unsuited = "CDI chooses from an image by its architecture alone: write platform: linux/ and an architecture"
	default:
		return against(p, policy)
	}
	if !Clones(p.Source) || p.Source.PVC != nil {
		unsuited += ", or write engine: Mover"
	}
	return &diagnosis.Finding{Reason: v1alpha1.ReasonEngineUnsuited, Message: unsuited + "."}
}

func architectureAlone(platform string) bool {
	rest, ok := strings.CutPrefix(platform, "linux/")
	return platform == "" || ok && !strings.Contains(rest, "/")
}

// against returns what of the operator's policy CDI would not keep, or nil.
// CDI follows redirects and names wherever they lead.
func against(p v1alpha1.DiskImportParameters, policy configv1alpha1.Policy) *diagnosis.Finding {
	if size := policy.MaxVirtualSize; size != nil && p.Target.Size.Cmp(*size) > 0 {
		return denied("The policy permits disks of at most %s: ask for a smaller target.size.", size.String())
	}
	if Clones(p.Source) {
		return nil
	}
	var broken string
	switch {
	case reserved(p.Source):
		return denied("The source's address is the node's or the cloud's own, which no image is read from.")
	case len(policy.AllowedHosts) > 0:
		broken = "allowedHosts"
	case len(policy.DeniedNetworks) > 0:
		broken = "deniedNetworks"
	case policy.RefusePlainHTTP:
		broken = "refusePlainHTTP"
	case policy.RequireChecksum && p.Verification.Checksum == "":
		return denied("The policy wants a checksum: write one in verification.checksum.")
	default:
		return nil
	}
	return denied("CDI does not keep %s of the provider configuration's policy: write engine: Mover.", broken)
}

// reserved reports whether a source names an address that no policy permits:
// loopback, link-local, multicast or unspecified.
func reserved(s v1alpha1.ImportSource) bool {
	raw := ""
	switch {
	case s.HTTP != nil:
		raw = s.HTTP.URL
	case s.S3 != nil:
		raw = s.S3.Endpoint
	case s.Registry != nil:
		raw = "https://" + s.Registry.Image
	}
	u, err := url.Parse(raw)
	if err != nil {
		return true
	}
	if strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), "localhost") {
		return true
	}
	a, err := netip.ParseAddr(u.Hostname())
	a = a.Unmap()
	return err == nil && (a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified())
}

func denied(format string, args ...any) *diagnosis.Finding {
	return &diagnosis.Finding{Reason: v1alpha1.Reason(transfer.ReasonPolicyDenied), Message: fmt.Sprintf(format, args...)}
}
