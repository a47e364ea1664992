// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/progress"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// defaultWidth is a terminal's that does not tell.
const defaultWidth = 80

// output tells how a transfer goes, to a person or to a program.
type output struct{ forPeople bool }

func newOutput(asJSON bool) output {
	return output{forPeople: !asJSON && term.IsTerminal(int(os.Stdout.Fd()))}
}

// watch is mover.Options.Watch.
func (o output) watch(snapshot func() transfer.Progress, news <-chan struct{}) (stop func(bool)) {
	if !o.forPeople {
		return progress.Start(progress.NewLines(os.Stdout), snapshot, news)
	}
	end := progress.Start(progress.NewBar(os.Stdout, width), snapshot, news)
	return func(succeeded bool) {
		end(succeeded)
		fmt.Println()
	}
}

func width() int {
	w, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || w <= 0 {
		return defaultWidth
	}
	return w
}

// result tells how it ended, as the last line of standard output and in a file
// if one is named, and returns the exit code.
func (o output) result(r transfer.Result, file string) int {
	line := encode(r)
	switch {
	case !o.forPeople:
		_, _ = os.Stdout.Write(append(line, '\n')) // Nobody reads: the exit code says it too.
	case r.Succeeded():
		fmt.Println(summary(r))
	default:
		fmt.Fprintf(os.Stderr, "mover: %s\n%s: %s\n", r.Message, r.Reason, r.Advice)
	}
	if err := write(file, line); err != nil {
		fmt.Fprintf(os.Stderr, "mover: cannot write result: %s\n", err)
	}
	return r.ExitCode()
}

// encode writes a result in at most transfer.MaxResultBytes: a message whose
// characters need escapes is cut until it fits.
func encode(r transfer.Result) []byte {
	for {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(r) // Strings and numbers cannot fail.
		line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		if len(line) <= transfer.MaxResultBytes || r.Message == "" {
			return line
		}
		r.Message = string([]rune(r.Message)[:len([]rune(r.Message))/2])
	}
}

// write writes the result's file. The default one is Kubernetes' to make.
func write(file string, line []byte) error {
	if file == "" {
		return nil
	}
	_, err := os.Stat(file)
	if file == terminationLog && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.WriteFile(file, line, 0o644) //nolint:gosec // It holds no secret, and others read it.
}

// summary tells a person what was done, and what was unusual.
func summary(r transfer.Result) string {
	s := importSummary(r)
	if r.Artifact.URI != "" {
		s = exportSummary(r)
	}
	if r.Note != "" {
		s += "\n" + r.Note
	}
	return s
}

func importSummary(r transfer.Result) string {
	kind := string(r.Source.Format)
	if r.Source.Compression != "" {
		kind += " in " + r.Source.Compression
	}
	s := fmt.Sprintf("Imported %s of %s in %s: a disk of %s, of which %s were written.\n%s",
		bytesize.Human(r.Source.Size), kind, elapsed(r), bytesize.Human(r.DiskSize), bytesize.Human(r.WrittenBytes), r.Source.Digest)
	if r.Checksum != "" && r.Checksum != r.Source.Digest {
		s += "\n" + r.Checksum
	}
	if r.Checksum != "" {
		s += " (verified)"
	}
	return s
}

func exportSummary(r transfer.Result) string {
	a := r.Artifact
	s := fmt.Sprintf("Exported a disk of %s in %s: %s of %s, of which %s were sent.\n%s",
		bytesize.Human(r.DiskSize), elapsed(r), bytesize.Human(a.Size), a.Format, bytesize.Human(r.WrittenBytes), a.URI)
	if a.Digest != "" {
		s += "\n" + a.Digest
	}
	return s + "\n" + a.ContentDigest + " (of the disk)"
}

func elapsed(r transfer.Result) time.Duration {
	return time.Duration(r.Seconds * float64(time.Second)).Round(100 * time.Millisecond)
}
