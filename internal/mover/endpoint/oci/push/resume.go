// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// tellInterval is the shortest time between two tellings of a session that goes
// on. Most registries know a session by its path, so that an older URL does; one
// whose query is another after each chunk may want the latest.
const tellInterval = 30 * time.Second

// memo is what another attempt has to know.
type memo struct {
	// Session is the URL at which the upload goes on.
	Session string `json:"session"`

	// Layer is what the session was told to be, when it was told that it is
	// whole, and Size its bytes. Empty: it was not.
	Layer string `json:"layer,omitempty"`
	Size  int64  `json:"size,omitempty"`
}

// telling is what was told last.
type telling struct {
	memo memo
	at   time.Time
}

// tell tells where the session is: now, or when that has not been done for a
// while.
func (w *Writer) tell(now bool) { w.tellOf(oci.Descriptor{}, now) }

// tellOf is tell of a session that is told to be a layer.
func (w *Writer) tellOf(layer oci.Descriptor, now bool) {
	if w.options.Tell == nil || w.noChunks { // One request cannot be gone on with.
		return
	}
	m := memo{Session: w.at.String(), Layer: layer.Digest, Size: layer.Size}
	at := w.options.Now()
	if m == w.told.memo || !now && at.Sub(w.told.at) < tellInterval {
		return
	}
	b, err := json.Marshal(m)
	if err != nil {
		return // Strings and numbers cannot fail.
	}
	w.options.Tell(b)
	w.told = telling{m, at}
}

// resume goes on with the session of an attempt before, or with the layer that
// it has brought. It reports whether there is something to go on with.
func (w *Writer) resume(ctx context.Context) (bool, error) {
	if len(w.options.Before) == 0 {
		return false, nil
	}
	m, at, ok := readMemo(w.options.Before)
	if !ok {
		w.options.Note("What an attempt before has told of its upload cannot be used: all is sent again.")
		return false, nil
	}
	if m.Layer != "" {
		layer := oci.Descriptor{Digest: m.Layer, Size: m.Size}
		if there, err := w.has(ctx, layer); err == nil && there {
			w.whole, w.at = layer.Digest, at
			w.tellOf(layer, true)
			w.at = nil // It has ended.
			return true, nil
		}
	}
	w.at = at
	err := w.ask(ctx)
	switch status := remote.Status(err); {
	case err == nil:
		w.inherits = w.offset
		w.tell(true)
		return true, nil
	case status == 0 && transfer.ReasonOf(err) != transfer.ReasonUnauthorized, oci.Busy(status):
		return false, err
	}
	// What is wrong with more than the session shows at the next request.
	w.options.Note(fmt.Sprintf("The upload of an attempt before is gone (%v): all is sent again.", err))
	w.session = session{client: w.client}
	return false, nil
}

// readMemo returns a memo and the session that it names, if it names one.
func readMemo(b []byte) (m memo, at *url.URL, ok bool) {
	if json.Unmarshal(b, &m) != nil {
		return m, nil, false
	}
	at, err := url.Parse(m.Session)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return m, nil, false
	}
	at.User, at.Fragment, at.RawFragment = nil, "", ""
	return m, at, true
}

// Cancel ends the session that an attempt before has told of. That there is none
// any more is no error.
func Cancel(ctx context.Context, o oci.Options, before []byte) error {
	_, at, ok := readMemo(before)
	if !ok {
		return nil // Nothing can be found by it.
	}
	if err := cancel(ctx, o, at); err != nil {
		return fmt.Errorf("cannot end upload to %s: %w", o.Image, ofTarget(err))
	}
	return nil
}

func cancel(ctx context.Context, o oci.Options, at *url.URL) error {
	tag, err := target(o)
	if err != nil {
		return err
	}
	c, err := o.Dial(ctx, tag, "pull,push,delete")
	if err != nil {
		return err
	}
	s := &session{client: c, at: at}
	// Some end a session only at the URL that they named last.
	err = s.ask(ctx)
	switch status := remote.Status(err); {
	case gone(status):
		return nil
	case err != nil && status != http.StatusMethodNotAllowed:
		return err
	}
	return s.cancel(ctx)
}
