// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// bytesFlag is a number of bytes as people write it.
type bytesFlag int64

// String implements kingpin.Value.
func (b *bytesFlag) String() string { return strconv.FormatInt(int64(*b), 10) }

// Set implements kingpin.Value.
func (b *bytesFlag) Set(s string) error {
	n, err := bytesize.Parse(s)
	*b = bytesFlag(n)
	return err
}

// sourceFlags say what is read, and how.
type sourceFlags struct {
	registryFlags
	s3Flags

	source      string
	format      string
	caFile      string
	headers     []string
	connections int
	limit       bytesFlag
	retries     int
	maxSize     bytesFlag
}

func (f *sourceFlags) register(c *kingpin.CmdClause) {
	names := make([]string, 0, len(transfer.Formats()))
	for _, n := range transfer.Formats() {
		names = append(names, string(n))
	}
	c.Arg("source", "The image: http://…, https://…, s3://bucket/key, docker://image, or the path of a file or a block device.").Required().StringVar(&f.source)
	c.Flag("format", "Format of the image: "+strings.Join(names, ", ")+". Compression (gzip, xz, zstd) is found by itself.").
		Default(string(transfer.FormatAuto)).EnumVar(&f.format, names...)
	f.registryFlags.register(c)
	f.s3Flags.register(c)
	c.Flag("ca-file", "Trust the certificate authorities in this PEM file as well.").PlaceHolder("FILE").StringVar(&f.caFile)
	c.Flag("header", "Send this header to the source's own host: 'Name: value', or @FILE with one a line, which keeps secrets out of the process list. Repeatable.").
		PlaceHolder("HEADER").StringsVar(&f.headers)
	c.Flag("connections", "Greatest number of connections at once; the number adapts. Default: 16.").PlaceHolder("N").IntVar(&f.connections)
	c.Flag("limit", "Fetch at most this many bytes a second, all connections together, such as 20M.").PlaceHolder("BYTES").SetValue(&f.limit)
	c.Flag("retries", "Try a request again this often in a row when it brings no byte; 0 is never.").Default(strconv.Itoa(retry.DefaultRetries)).IntVar(&f.retries)
	c.Flag("max-virtual-size", "Refuse a disk that is larger, such as 100G.").PlaceHolder("BYTES").SetValue(&f.maxSize)
}

// scheme is how a URL begins; a path with such a name can be given as ./path.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)

// job returns a job document with the flags' part of it.
func (f *sourceFlags) job() (*transfer.Job, error) {
	j := &transfer.Job{
		Version:   transfer.JobVersion,
		ID:        commandLine,
		Operation: transfer.OperationImport,
		Format:    transfer.Format(f.format),
		Limits:    transfer.Limits{Connections: f.connections, BytesPerSecond: int64(f.limit), Retries: &f.retries},
		// A person at a terminal may read from wherever they can connect to.
		Policy: transfer.Policy{Unrestricted: true, MaxVirtualSize: int64(f.maxSize)},
	}
	headers, err := readHeaders(f.headers)
	if err != nil {
		return nil, err
	}
	m := scheme.FindStringSubmatch(f.source)
	switch {
	case m == nil:
		j.Source.File = &transfer.FileSource{Path: f.source}
	case strings.EqualFold(m[1], "http"), strings.EqualFold(m[1], "https"):
		j.Source.HTTP = &transfer.HTTPSource{URL: f.source, Headers: headers, CAFile: f.caFile}
	case isRegistry(m[1]):
		j.Source.Registry = f.image(f.source, f.caFile)
	case isS3(m[1]):
		if j.Source.S3, err = f.object(f.source, f.caFile); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("a source of %s://… does not work: http://…, https://…, s3://…, docker://… and paths do", m[1])
	}
	switch {
	case j.Source.HTTP == nil && len(headers) > 0:
		return nil, errors.New("--header is for http and https sources")
	case j.Source.Registry == nil && f.registryFlags.used():
		return nil, errors.New("--auth-file, --platform and --plain-http are for docker sources")
	case j.Source.S3 == nil && f.s3Flags.used():
		return nil, errors.New("--endpoint-url and --region are for s3 sources")
	case m == nil && f.caFile != "":
		return nil, errors.New("--ca-file is not for files")
	}
	return j, nil
}

// readHeaders parses 'Name: value' and @FILE.
func readHeaders(flags []string) ([]transfer.Header, error) {
	var out []transfer.Header
	for _, f := range flags {
		lines := []string{f}
		if path, ok := strings.CutPrefix(f, "@"); ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("cannot read headers: %w", err)
			}
			lines = strings.Split(string(b), "\n")
		}
		for _, l := range lines {
			if strings.TrimSpace(l) == "" {
				continue
			}
			name, value, ok := strings.Cut(l, ":")
			if !ok {
				// The line may be a secret: it is not repeated.
				return nil, errors.New("a header wants the form 'Name: value'")
			}
			out = append(out, transfer.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
		}
	}
	return out, nil
}
