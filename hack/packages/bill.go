// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// ours is the license of what is built here; the licenses of the rest are not
// in a binary.
const ours = "Apache-2.0"

// billOf is the software bill of materials of an image that holds a program, as
// CycloneDX 1.6: what the Go linker wrote into the binary of modules and their
// sums, and the other files. It holds no time and no number of its own, so that
// the same image has the same bill.
func billOf(file, version string, others ...entry) ([]byte, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read what %s is made of: %w", file, err)
	}
	components, err := modules(info)
	if err != nil {
		return nil, err
	}
	for _, o := range others {
		c, err := fileComponent(o)
		if err != nil {
			return nil, err
		}
		components = append(components, c)
	}
	bom := cdx.NewBOM()
	bom.SpecVersion = cdx.SpecVersion1_6
	bom.JSONSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.Metadata = &cdx.Metadata{Component: application(info, version), Properties: settings(info)}
	bom.Components = &components
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return nil, fmt.Errorf("cannot write bill of materials of %s: %w", file, err)
	}
	return b.Bytes(), nil
}

// application is the program itself.
func application(info *debug.BuildInfo, version string) *cdx.Component {
	purl := packageURL(info.Main.Path, version)
	if path, ok := strings.CutPrefix(info.Path, info.Main.Path+"/"); ok {
		purl += "#" + path
	}
	return &cdx.Component{
		Type: cdx.ComponentTypeApplication, BOMRef: purl, PackageURL: purl, Name: info.Path, Version: version,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: ours}}},
	}
}

// settings are those of the build that decide what is in the binary.
func settings(info *debug.BuildInfo) *[]cdx.Property {
	var all []cdx.Property
	for _, s := range info.Settings {
		if s.Key == "-tags" || s.Key == "CGO_ENABLED" || strings.HasPrefix(s.Key, "GO") {
			all = append(all, cdx.Property{Name: "cdx:gomod:build:env:" + s.Key, Value: s.Value})
		}
	}
	return &all
}

// modules are Go's standard library and the modules that are linked in, those
// that replace others in their place.
func modules(info *debug.BuildInfo) ([]cdx.Component, error) {
	standard := packageURL("stdlib", strings.TrimPrefix(info.GoVersion, "go"))
	all := []cdx.Component{{
		Type: cdx.ComponentTypeLibrary, BOMRef: standard, PackageURL: standard,
		Name: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go"),
	}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := packageURL(m.Path, m.Version)
		c := cdx.Component{Type: cdx.ComponentTypeLibrary, BOMRef: purl, PackageURL: purl, Name: m.Path, Version: m.Version}
		if m.Sum != "" {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil {
				return nil, fmt.Errorf("cannot read sum of %s: %w", m.Path, err)
			}
			c.Hashes = sha256Hash(sum)
		}
		all = append(all, c)
	}
	return all, nil
}

// fileComponent is a file that is in the image beside the program.
func fileComponent(e entry) (cdx.Component, error) {
	content, err := os.ReadFile(e.source)
	if err != nil {
		return cdx.Component{}, fmt.Errorf("cannot read %s: %w", e.source, err)
	}
	sum := sha256.Sum256(content)
	return cdx.Component{Type: cdx.ComponentTypeFile, BOMRef: e.target, Name: e.target, Hashes: sha256Hash(sum[:])}, nil
}

// sha256Hash is one hash. That of a module is the sum of its files' sums, as
// go.sum has it, which is how other makers of such bills write it.
func sha256Hash(sum []byte) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
}

// packageURL names a Go module: https://github.com/package-url/purl-spec.
func packageURL(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + url.QueryEscape(version)
}
