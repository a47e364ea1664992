// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// verifyFull reads an artifact back when it is there.
const verifyFull = "full"

const exportHelp = `Make an artifact of a disk, which is a file or a block device: an image in a file, an object in an S3 store,
a containerDisk in a registry, or the body of an HTTP upload. Nothing stands under its name before it is whole, and
an export that is run again sends only what is missing. Nobody may write to the disk meanwhile.`

// exportCommand is `mover export`.
type exportCommand struct {
	registryFlags
	s3Flags

	name        string
	source      string
	destination string
	format      string
	compression string
	verify      string
	method      string
	caFile      string
	headers     []string
	connections int
	limit       bytesFlag
	retries     int
	deadline    time.Duration
	force       bool
	json        bool
}

func newExportCommand(app *kingpin.Application) *exportCommand {
	clause := app.Command("export", exportHelp)
	c := &exportCommand{name: clause.FullCommand()}
	clause.Arg("source", "The disk: the path of a file or a block device, raw.").Required().StringVar(&c.source)
	clause.Arg("destination", "s3://bucket/key, docker://image, http://…, https://…, or a path.").Required().StringVar(&c.destination)
	clause.Flag("format", "raw, qcow2 or oci. Default: oci for docker://…, else as the name ends (.raw, .img, .zst, .gz), else qcow2.").
		PlaceHolder("FORMAT").EnumVar(&c.format, "raw", "qcow2", "oci")
	clause.Flag("compression", "zstd, zlib, gzip or none, and perhaps a level, such as zstd:3. Raw knows none, zstd and gzip; qcow2 zstd, zlib and none, "+
		"for its clusters; oci zstd, gzip and none, for its layer. Default: zstd, but for raw what the name ends with, else none.").
		PlaceHolder("ALG[:LEVEL]").StringVar(&c.compression)
	clause.Flag("verify", "With full, read the artifact back from its place and compare. Otherwise the place's own checksum is compared.").
		PlaceHolder("full").EnumVar(&c.verify, verifyFull)
	clause.Flag("method", "Method of an HTTP upload: PUT or POST. Default: PUT.").PlaceHolder("METHOD").EnumVar(&c.method, http.MethodPut, http.MethodPost)
	c.registryFlags.register(clause)
	c.s3Flags.register(clause)
	clause.Flag("ca-file", "Trust the certificate authorities in this PEM file as well.").PlaceHolder("FILE").StringVar(&c.caFile)
	clause.Flag("header", "Send this header with an HTTP upload: 'Name: value', or @FILE with one a line, which keeps secrets out of the process list. Repeatable.").
		PlaceHolder("HEADER").StringsVar(&c.headers)
	clause.Flag("connections", "Number of parts that are sent at once. Default: 4.").PlaceHolder("N").IntVar(&c.connections)
	clause.Flag("limit", "Send at most this many bytes a second, all connections together, such as 20M.").PlaceHolder("BYTES").SetValue(&c.limit)
	clause.Flag("retries", "Try a request again this often in a row; 0 is never.").Default(strconv.Itoa(retry.DefaultRetries)).IntVar(&c.retries)
	clause.Flag("deadline", "Give up after this time, such as 1h30m.").PlaceHolder("DURATION").DurationVar(&c.deadline)
	clause.Flag("force", "Replace a file that exists and is not empty.").BoolVar(&c.force)
	clause.Flag("json", "Write progress and the result as lines of JSON, as is done when standard output is not a terminal.").BoolVar(&c.json)
	return c
}

func (c *exportCommand) run(ctx context.Context) int {
	job, err := c.job()
	if err != nil {
		return usage(err)
	}
	return move(ctx, job, c.force, c.json, "")
}

// job returns the job document that the flags make.
func (c *exportCommand) job() (*transfer.Job, error) {
	if scheme.MatchString(c.source) {
		return nil, fmt.Errorf("a source %q does not work: the paths of files and block devices do", c.source)
	}
	a := &transfer.Artifact{ReadBack: c.verify == verifyFull}
	if err := c.target(a); err != nil {
		return nil, err
	}
	if err := c.contents(a); err != nil {
		return nil, err
	}
	return &transfer.Job{
		Version:   transfer.JobVersion,
		ID:        commandLine,
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: c.source}},
		Artifact:  a,
		Limits: transfer.Limits{
			Connections: c.connections, BytesPerSecond: int64(c.limit), Retries: &c.retries, Deadline: transfer.Duration(c.deadline),
		},
		// A person at a terminal may write to wherever they can connect to.
		Policy: transfer.Policy{Unrestricted: true},
	}, nil
}

// target says where the artifact goes.
func (c *exportCommand) target(a *transfer.Artifact) error {
	headers, err := readHeaders(c.headers)
	if err != nil {
		return err
	}
	m := scheme.FindStringSubmatch(c.destination)
	switch {
	case m == nil:
		a.File = &transfer.FileTarget{Path: c.destination}
	case strings.EqualFold(m[1], "http"), strings.EqualFold(m[1], "https"):
		a.HTTP = &transfer.HTTPUpload{
			HTTPSource: transfer.HTTPSource{URL: c.destination, Headers: headers, CAFile: c.caFile}, Method: c.method,
		}
	case isRegistry(m[1]):
		a.Registry = c.image(c.destination, c.caFile)
	case isS3(m[1]):
		if a.S3, err = c.object(c.destination, c.caFile); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a destination of %s://… does not work: http://…, https://…, s3://…, docker://… and paths do", m[1])
	}
	switch {
	case a.HTTP == nil && (len(headers) > 0 || c.method != ""):
		return errors.New("--header and --method are for http and https destinations")
	case a.Registry == nil && c.registryFlags.used():
		return errors.New("--auth-file, --platform and --plain-http are for docker destinations")
	case a.S3 == nil && c.s3Flags.used():
		return errors.New("--endpoint-url and --region are for s3 destinations")
	case a.File == nil && c.force:
		return errors.New("--force is for files")
	case m == nil && c.caFile != "":
		return errors.New("--ca-file is not for files")
	}
	return nil
}

// contents says what the artifact is: what the flags say, else what its name
// does.
func (c *exportCommand) contents(a *transfer.Artifact) error {
	named, packed := byName(c.destination)
	switch {
	case c.format != "":
		formats := map[string]transfer.ArtifactFormat{"raw": transfer.ArtifactRaw, "qcow2": transfer.ArtifactQCOW2, "oci": transfer.ArtifactOCI}
		a.Format = formats[c.format]
	case a.Registry != nil:
		a.Format = transfer.ArtifactOCI
	default:
		a.Format = named
	}
	if a.Format == transfer.ArtifactRaw && a.Registry == nil {
		a.Compression.Algorithm = packed
	}
	if c.compression == "" {
		return nil
	}
	name, level, levelled := strings.Cut(c.compression, ":")
	all := []transfer.Algorithm{transfer.CompressionZstd, transfer.CompressionZlib, transfer.CompressionGzip, transfer.CompressionNone}
	i := slices.IndexFunc(all, func(a transfer.Algorithm) bool { return strings.EqualFold(string(a), name) })
	if i < 0 {
		return fmt.Errorf("--compression: %q is none of zstd, zlib, gzip and none", name)
	}
	a.Compression = transfer.Compression{Algorithm: all[i]}
	if levelled {
		n, err := strconv.Atoi(level)
		if err != nil || n < 1 {
			return fmt.Errorf("--compression: %q is not a level such as 3", level)
		}
		a.Compression.Level = n
	}
	return nil
}

// byName is what the end of a name says of a file.
func byName(name string) (transfer.ArtifactFormat, transfer.Algorithm) {
	name, _, _ = strings.Cut(name, "?")
	switch strings.ToLower(path.Ext(name)) {
	case ".raw", ".img":
		return transfer.ArtifactRaw, transfer.CompressionNone
	case ".zst":
		return transfer.ArtifactRaw, transfer.CompressionZstd
	case ".gz":
		return transfer.ArtifactRaw, transfer.CompressionGzip
	}
	return transfer.ArtifactQCOW2, ""
}
