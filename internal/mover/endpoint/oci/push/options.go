// SPDX-License-Identifier: Apache-2.0

package push

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Options say which image is made.
type Options struct {
	oci.Options

	// Compression of the layer. Empty: transfer.CompressionZstd.
	Compression transfer.Algorithm

	// Level of the compression, 0 where it is the default. An image that was made
	// with another one is not used again.
	Level int

	// Before is what an attempt before has told last. Empty: nothing.
	Before []byte

	// Tell is told what another attempt has to know to go on with the upload,
	// whenever that changes. It is a secret. Nil: nobody will go on, and an
	// upload that is aborted leaves nothing.
	Tell func([]byte)

	// Spared is told how many bytes of a part that was put the registry had
	// from an attempt before, where it had not all of it. Nil: nobody is.
	Spared func(n int64)

	// Note is told, for people, why what an attempt before has sent is sent
	// again. Nil: nobody is.
	Note func(string)

	// Now returns the time. Nil: time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Spared == nil {
		o.Spared = func(int64) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// target is the reference of an image that is written to.
func target(o oci.Options) (name.Tag, error) {
	ref, err := o.Reference()
	if err != nil {
		return name.Tag{}, err
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return name.Tag{}, transfer.Terminal(transfer.ReasonInvalidJob, errNoTag)
	}
	return tag, nil
}

var errNoTag = errors.New("the reference names a digest, and what is made has another one; name a tag")

// layerType is the media type of a layer.
func layerType(a transfer.Algorithm) (string, error) {
	switch a {
	case transfer.CompressionZstd, "":
		return oci.MediaLayer + "+zstd", nil
	case transfer.CompressionGzip:
		return oci.MediaLayer + "+gzip", nil
	case transfer.CompressionNone:
		return oci.MediaLayer, nil
	}
	return "", transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("a layer cannot be compressed with %q", a))
}
