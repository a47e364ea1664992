// SPDX-License-Identifier: Apache-2.0

package moverjob

import (
	"bytes"
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Inspect returns the mover as it is. Nothing of it need exist.
func (c *Client) Inspect(ctx context.Context, key types.NamespacedName) (State, error) {
	s := State{}
	job, secret := &batchv1.Job{}, &corev1.Secret{}
	if found, err := c.get(ctx, key, job, "mover Job"); err != nil {
		return s, err
	} else if found {
		s.Job = job
	}
	if found, err := c.get(ctx, key, secret, "Secret of mover"); err != nil {
		return s, err
	} else if found {
		s.Secret = secret
	}
	if err := c.pods(ctx, key, &s); err != nil {
		return s, err
	}
	s.Result = lastResult(s.Pods)
	if s.Job == nil || s.Pod() == nil {
		err := c.events(ctx, &s)
		return s, err
	}
	if st := container(s.Pod()); st != nil && st.State.Running != nil {
		if s.Progress = c.progress(ctx, s.Pod()); s.Progress != nil {
			s.Resume = s.Progress.Resume
		}
		err := c.node(ctx, &s)
		return s, err
	}
	if s.Started() {
		s.Resume = c.told(ctx, s)
		return s, nil
	}
	err := c.events(ctx, &s)
	return s, err
}

// told is what the last attempt that has ended told the next one: in its result,
// or, when it was killed, in its log.
func (c *Client) told(ctx context.Context, s State) string {
	if s.Secret == nil || len(s.Secret.Data[transfer.FileResumeKey]) == 0 ||
		s.Condition(batchv1.JobComplete) != nil || s.Condition(batchv1.JobFailed) != nil {
		return ""
	}
	for i := len(s.Pods) - 1; i >= 0; i-- {
		if st := container(&s.Pods[i]); st == nil || st.State.Terminated == nil {
			continue
		}
		if r := lastResult(s.Pods[:i+1]); r != nil {
			return r.Resume
		}
		if p := c.progress(ctx, &s.Pods[i]); p != nil {
			return p.Resume
		}
		return ""
	}
	return ""
}

func (c *Client) get(ctx context.Context, key types.NamespacedName, into client.Object, what string) (bool, error) {
	err := c.kube.Get(ctx, key, into)
	if kerrors.IsNotFound(err) {
		return false, nil
	}
	return err == nil, errors.Wrapf(err, "cannot get %s", what)
}

// pods lists the Job's pods by the label that the Job controller gives them,
// also when the Job is gone and they are about to go.
func (c *Client) pods(ctx context.Context, key types.NamespacedName, s *State) error {
	l := &corev1.PodList{}
	err := c.kube.List(ctx, l, client.InNamespace(key.Namespace), client.MatchingLabels{batchv1.JobNameLabel: key.Name})
	if err != nil {
		return errors.Wrap(err, "cannot list pods of mover")
	}
	s.Pods = l.Items
	slices.SortFunc(s.Pods, func(a, b corev1.Pod) int {
		if d := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); d != 0 {
			return d
		}
		return bytes.Compare([]byte(a.Name), []byte(b.Name))
	})
	return nil
}

// progress reads the last progress line of a pod's log. No line, or no log, is
// no error: a mover tells what it can, and its absence changes nothing.
func (c *Client) progress(ctx context.Context, p *corev1.Pod) *transfer.Progress {
	b, err := c.logs.Log(ctx, p.GetNamespace(), p.GetName())
	if err != nil {
		return nil
	}
	var last *transfer.Progress
	for line := range bytes.Lines(b) {
		if l := transfer.ParseLine(line); l.Progress != nil {
			last = l.Progress
		}
	}
	return last
}

// lastResult reads the termination message of the newest pod that left one.
func lastResult(pods []corev1.Pod) *transfer.Result {
	for i := len(pods) - 1; i >= 0; i-- {
		c := container(&pods[i])
		if c == nil || c.State.Terminated == nil {
			continue
		}
		return transfer.ParseLine(bytes.TrimSpace([]byte(c.State.Terminated.Message))).Result
	}
	return nil
}

// node asks whether the node of the newest pod answers.
func (c *Client) node(ctx context.Context, s *State) error {
	if s.Pod().Spec.NodeName == "" {
		return nil
	}
	n := &corev1.Node{}
	if found, err := c.get(ctx, types.NamespacedName{Name: s.Pod().Spec.NodeName}, n, "node of mover"); err != nil || !found {
		return err
	}
	for _, cond := range n.Status.Conditions {
		if cond.Type == corev1.NodeReady && cond.Status != corev1.ConditionTrue {
			s.NodeLost = n.GetName()
		}
	}
	return nil
}

// events collects the warnings about the Job and its newest pod.
func (c *Client) events(ctx context.Context, s *State) error {
	var uids []types.UID
	namespace := ""
	if s.Job != nil {
		uids, namespace = append(uids, s.Job.GetUID()), s.Job.GetNamespace()
	}
	if p := s.Pod(); p != nil {
		uids, namespace = append(uids, p.GetUID()), p.GetNamespace()
	}
	for _, uid := range uids {
		l := &corev1.EventList{}
		err := c.kube.List(ctx, l, client.InNamespace(namespace),
			client.MatchingFields{"involvedObject.uid": string(uid), "type": corev1.EventTypeWarning})
		if err != nil {
			return errors.Wrap(err, "cannot list events of mover")
		}
		s.Events = append(s.Events, l.Items...)
	}
	return nil
}
