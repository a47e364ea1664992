// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

const (
	// prefix of all labels and annotations that are ours.
	prefix = "wukong.m.novasphere.dev/"

	// LabelOwner is on every claim that is made here, and on a volume that is
	// being handed over. Its value is the UID of the resource whose disk it is.
	LabelOwner = prefix + "owner-uid"

	// annotationHandover is the note on a volume that is being handed over.
	annotationHandover = prefix + "handover"
)

// A Client manages claims and volumes in one cluster.
type Client struct {
	kube client.Client
}

// New returns a Client. kube must read from the API server itself.
func New(kube client.Client) *Client { return &Client{kube: kube} }

// A Disk names one disk: its owner and its two claims.
type Disk struct {
	Namespace string
	Staging   string
	Final     string

	// Owner is the UID of the resource whose disk it is.
	Owner types.UID
}

// A Note is what has to be known of a volume to end its handover.
type Note struct {
	// ReclaimPolicy that the volume had.
	ReclaimPolicy corev1.PersistentVolumeReclaimPolicy `json:"reclaimPolicy"`

	// StagingUID is the UID of the claim that the volume was made for.
	StagingUID types.UID `json:"stagingUID"`

	// Request is the size that the staging claim asked for.
	Request resource.Quantity `json:"request"`

	// AccessModes of the staging claim.
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes"`

	// Annotations of the staging claim that are ours. The final claim has
	// them too.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// A State is what exists of a disk. Whatever does not is nil.
type State struct {
	Staging *corev1.PersistentVolumeClaim

	// Final is the claim under the final name, whoever made it.
	Final *corev1.PersistentVolumeClaim

	// Volume behind the staging claim, or the one that is being handed over.
	Volume *corev1.PersistentVolume

	// Note is the volume's, or nil if it is not being handed over.
	Note *Note

	// Events are the warnings about a staging claim, or an empty one, that is
	// not bound, the newest last.
	Events []corev1.Event

	owner types.UID
}

// Ours reports whether the claim under the final name is the disk's own.
func (s State) Ours() bool {
	return s.Final != nil && s.Final.GetLabels()[LabelOwner] == string(s.owner)
}

// Foreign reports whether somebody else's claim has the final name.
func (s State) Foreign() bool { return s.Final != nil && !s.Ours() }

// Published reports whether the disk is whole under its name, and nothing of
// its handover is left to do.
func (s State) Published() bool {
	return s.Ours() && s.Final.Status.Phase == corev1.ClaimBound && s.Note == nil && s.Staging == nil
}

// Exists reports whether anything of the disk exists.
func (s State) Exists() bool { return s.Staging != nil || s.Note != nil || s.Ours() }

// Inspect returns what exists of a disk.
func (c *Client) Inspect(ctx context.Context, d Disk) (State, error) {
	s := State{owner: d.Owner}
	var err error
	if s.Final, err = c.claim(ctx, d.Namespace, d.Final); err != nil {
		return s, err
	}
	if s.Staging, err = c.claim(ctx, d.Namespace, d.Staging); err != nil {
		return s, err
	}
	if err := c.volume(ctx, d, &s); err != nil {
		return s, err
	}
	err = c.events(ctx, &s)
	return s, err
}

func (c *Client) claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	p := &corev1.PersistentVolumeClaim{}
	err := c.kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, p)
	if kerrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // What does not exist is nil in a State.
	}
	return p, errors.Wrapf(err, "cannot get claim %q", name)
}

// Behind returns the name of the volume behind a claim, or "" if the claim does
// not exist or has none.
func (c *Client) Behind(ctx context.Context, key types.NamespacedName) (string, error) {
	p, err := c.claim(ctx, key.Namespace, key.Name)
	if err != nil || p == nil || p.Status.Phase != corev1.ClaimBound {
		return "", err
	}
	return p.Spec.VolumeName, nil
}

// volume finds the volume that is being handed over, or the one behind the
// staging claim.
func (c *Client) volume(ctx context.Context, d Disk, s *State) error {
	v, err := c.find(ctx, d, s.leadsTo())
	switch {
	case err != nil || v == nil:
		return err
	case v.GetLabels()[LabelOwner] == string(d.Owner):
		s.Volume = v
		s.Note, err = readNote(v)
		return err
	case s.Staging != nil:
		s.Volume = v
	}
	return nil
}

// leadsTo is the name of the volume that a claim of the disk leads to, or "".
func (s State) leadsTo() string {
	switch {
	case s.Staging != nil:
		return s.Staging.Spec.VolumeName
	case s.Ours():
		return s.Final.Spec.VolumeName
	}
	return ""
}

// find returns the volume of a name, or nil. Without a name, as between the two
// claims, only the label of a handover leads to it; but a list costs a tenth of
// a second, because the API server first waits until its cache is as new as the
// last write of anybody.
func (c *Client) find(ctx context.Context, d Disk, name string) (*corev1.PersistentVolume, error) {
	if name != "" {
		v := &corev1.PersistentVolume{}
		err := c.kube.Get(ctx, types.NamespacedName{Name: name}, v)
		if kerrors.IsNotFound(err) {
			return nil, nil //nolint:nilnil // What does not exist is nil in a State.
		}
		return v, errors.Wrapf(err, "cannot get volume %q", name)
	}
	l := &corev1.PersistentVolumeList{}
	if err := c.kube.List(ctx, l, client.MatchingLabels{LabelOwner: string(d.Owner)}); err != nil {
		return nil, errors.Wrap(err, "cannot list volumes that are being handed over")
	}
	switch len(l.Items) {
	case 0:
		return nil, nil //nolint:nilnil // As above.
	case 1:
		return &l.Items[0], nil
	}
	return nil, errors.Errorf("cannot tell which volume is being handed over: %d have the label %s=%s", len(l.Items), LabelOwner, d.Owner)
}

func (c *Client) events(ctx context.Context, s *State) error {
	p := s.Staging
	if p == nil && s.Ours() && s.Note == nil {
		p = s.Final
	}
	if p == nil || p.Status.Phase != corev1.ClaimPending {
		return nil
	}
	l := &corev1.EventList{}
	err := c.kube.List(ctx, l, client.InNamespace(p.GetNamespace()),
		client.MatchingFields{"involvedObject.uid": string(p.GetUID()), "type": corev1.EventTypeWarning})
	s.Events = l.Items
	return errors.Wrapf(err, "cannot list events of claim %q", p.GetName())
}

func readNote(v *corev1.PersistentVolume) (*Note, error) {
	n := &Note{}
	if err := json.Unmarshal([]byte(v.GetAnnotations()[annotationHandover]), n); err != nil {
		return nil, errors.Wrapf(err, "cannot read annotation %s of volume %q", annotationHandover, v.GetName())
	}
	return n, nil
}
