// SPDX-License-Identifier: Apache-2.0

// Package moverjob starts, inspects and cancels one mover: a Job, the Secret
// with its document and credentials, and its pods, all known by one key.
package moverjob

import (
	"context"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// ContainerName is the name of the mover's container in its pod.
const ContainerName = "mover"

// A LogReader reads the last lines of a pod's log.
type LogReader interface {
	Log(ctx context.Context, namespace, pod string) ([]byte, error)
}

// A Client manages movers in one cluster.
type Client struct {
	kube client.Client
	logs LogReader
}

// New returns a Client. kube must read from the API server itself.
func New(kube client.Client, logs LogReader) *Client {
	return &Client{kube: kube, logs: logs}
}

// A Run is one mover as it should be: a Job and a Secret of the same name.
// Without the Job it is only prepared.
type Run struct {
	Job    *batchv1.Job
	Secret *corev1.Secret
}

// A State is one mover as it is. Whatever does not exist is nil.
type State struct {
	Job    *batchv1.Job
	Secret *corev1.Secret

	// Pods of the Job, the oldest first.
	Pods []corev1.Pod

	// Progress is the last that the newest pod has told.
	Progress *transfer.Progress

	// Result is how the last pod that ended did so; nil when none has ended,
	// or when it ended without a word.
	Result *transfer.Result

	// Resume is what the newest attempt has told the next one, as
	// transfer.Progress has it; empty: nothing, or it cannot be found out.
	Resume string

	// Events are warnings about the Job and its newest pod, the newest last;
	// they are read only while no container has run.
	Events []corev1.Event

	// NodeLost is the name of the newest pod's node if it does not answer.
	NodeLost string
}

// Exists reports whether anything of a mover is left.
func (s State) Exists() bool { return s.Job != nil || s.Secret != nil || len(s.Pods) > 0 }

// Pod is the newest pod, or nil.
func (s State) Pod() *corev1.Pod {
	if len(s.Pods) == 0 {
		return nil
	}
	return &s.Pods[len(s.Pods)-1]
}

// Started reports whether a container of the mover has ever run.
func (s State) Started() bool {
	for i := range s.Pods {
		if c := container(&s.Pods[i]); c != nil && (c.State.Running != nil || c.State.Terminated != nil) {
			return true
		}
	}
	return s.Job != nil && s.Job.Status.Failed+s.Job.Status.Succeeded > 0
}

// Condition returns the Job's condition of the given type if it is true.
func (s State) Condition(t batchv1.JobConditionType) *batchv1.JobCondition {
	if s.Job == nil {
		return nil
	}
	for i, c := range s.Job.Status.Conditions {
		if c.Type == t && c.Status == corev1.ConditionTrue {
			return &s.Job.Status.Conditions[i]
		}
	}
	return nil
}

// Succeeded reports whether the mover has done its work, and when. Its container
// says so in its last word, about two seconds before the Job does.
func (s State) Succeeded() (at metav1.Time, ok bool) {
	switch c := Container(s.Pod()); {
	case s.Job == nil || s.Condition(batchv1.JobFailed) != nil:
		return at, false
	case s.Condition(batchv1.JobComplete) != nil && s.Job.Status.CompletionTime != nil:
		return *s.Job.Status.CompletionTime, true
	case s.Condition(batchv1.JobComplete) != nil:
		return s.Job.GetCreationTimestamp(), true
	case c == nil || c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 || c.State.Terminated.FinishedAt.IsZero():
		return at, false
	default:
		return c.State.Terminated.FinishedAt, s.Result != nil && s.Result.Succeeded()
	}
}

// Container returns the status of the mover's container in a pod, or nil.
func Container(p *corev1.Pod) *corev1.ContainerStatus {
	if p == nil {
		return nil
	}
	return container(p)
}

func container(p *corev1.Pod) *corev1.ContainerStatus {
	for i, c := range p.Status.ContainerStatuses {
		if c.Name == ContainerName {
			return &p.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// DryRun asks the API server whether it would accept the Job and the Secret,
// and makes neither. The error is the API server's own.
func (c *Client) DryRun(ctx context.Context, r Run) error {
	if err := ignoreExists(c.kube.Create(ctx, r.Secret.DeepCopy(), client.DryRunAll)); err != nil || r.Job == nil {
		return err
	}
	return ignoreExists(c.kube.Create(ctx, r.Job.DeepCopy(), client.DryRunAll))
}

// Start makes the Secret and then the Job, or what is missing of them, and
// hands the Secret to the Job. It may be called again after any failure.
func (c *Client) Start(ctx context.Context, r Run) error {
	secret := r.Secret.DeepCopy()
	if err := c.kube.Create(ctx, secret); err != nil {
		if !kerrors.IsAlreadyExists(err) {
			return errors.Wrap(err, "cannot create Secret of mover")
		}
		// A Secret without a Job is left of a start that was interrupted.
		if err := c.refill(ctx, r.Secret); err != nil {
			return err
		}
	}
	if r.Job == nil {
		return nil
	}
	job := r.Job.DeepCopy()
	if err := ignoreExists(c.kube.Create(ctx, job)); err != nil {
		return errors.Wrap(err, "cannot create mover Job")
	}
	return c.Adopt(ctx, client.ObjectKeyFromObject(job))
}

// refill gives a Secret that exists the contents that it should have.
func (c *Client) refill(ctx context.Context, want *corev1.Secret) error {
	s := &corev1.Secret{}
	if err := c.kube.Get(ctx, client.ObjectKeyFromObject(want), s); err != nil {
		return errors.Wrap(err, "cannot get Secret of mover")
	}
	if maps.EqualFunc(s.Data, want.Data, slices.Equal) {
		return nil
	}
	s.Data = want.Data
	return errors.Wrap(c.kube.Update(ctx, s), "cannot update Secret of mover")
}

// Adopt makes the Job the owner of its Secret, so that they go together.
func (c *Client) Adopt(ctx context.Context, key types.NamespacedName) error {
	job, secret := &batchv1.Job{}, &corev1.Secret{}
	if err := c.kube.Get(ctx, key, job); err != nil {
		return errors.Wrap(err, "cannot get mover Job")
	}
	if err := c.kube.Get(ctx, key, secret); err != nil {
		return errors.Wrap(err, "cannot get Secret of mover")
	}
	if Owned(job, secret) {
		return nil
	}
	secret.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: job.GetName(), UID: job.GetUID(),
	}})
	return errors.Wrap(c.kube.Update(ctx, secret), "cannot hand Secret to mover Job")
}

// Owned reports whether the Secret goes when the Job goes.
func Owned(job *batchv1.Job, secret *corev1.Secret) bool {
	return slices.ContainsFunc(secret.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == job.GetUID() })
}

// Tuned reports whether the mover runs with what may change while it runs: the
// contents of its Secret, its deadline and its retries.
func (s State) Tuned(r Run) bool {
	return s.Job != nil && s.Secret != nil && Owned(s.Job, s.Secret) &&
		maps.EqualFunc(s.Secret.Data, r.Secret.Data, slices.Equal) &&
		equality.Semantic.DeepEqual(s.Job.Spec.ActiveDeadlineSeconds, r.Job.Spec.ActiveDeadlineSeconds) &&
		equality.Semantic.DeepEqual(s.Job.Spec.BackoffLimit, r.Job.Spec.BackoffLimit)
}

// Tune brings about what Tuned asks for. What the Secret holds takes effect
// with the mover's next attempt.
func (c *Client) Tune(ctx context.Context, s State, r Run) error {
	if s.Secret == nil {
		if err := ignoreExists(c.kube.Create(ctx, r.Secret.DeepCopy())); err != nil {
			return errors.Wrap(err, "cannot create Secret of mover")
		}
	} else if err := c.refill(ctx, r.Secret); err != nil {
		return err
	}
	job := s.Job.DeepCopy()
	job.Spec.ActiveDeadlineSeconds = r.Job.Spec.ActiveDeadlineSeconds
	job.Spec.BackoffLimit = r.Job.Spec.BackoffLimit
	if !equality.Semantic.DeepEqual(job.Spec, s.Job.Spec) {
		if err := c.kube.Update(ctx, job); err != nil {
			return errors.Wrap(err, "cannot update mover Job")
		}
	}
	return c.Adopt(ctx, client.ObjectKeyFromObject(job))
}

// Cancel asks for the removal of the Job, its pods and its Secret. It does not
// wait: Inspect says when they are gone. Pods that run get their grace period;
// those that Inspect has found ended are removed at once.
func (c *Client) Cancel(ctx context.Context, key types.NamespacedName, found []corev1.Pod) error {
	meta := metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}
	err := c.kube.Delete(ctx, &batchv1.Job{ObjectMeta: meta}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err := client.IgnoreNotFound(err); err != nil {
		return errors.Wrap(err, "cannot delete mover Job")
	}
	err = c.kube.Delete(ctx, &corev1.Secret{ObjectMeta: meta})
	if err := client.IgnoreNotFound(err); err != nil {
		return errors.Wrap(err, "cannot delete Secret of mover")
	}
	return c.removeEnded(ctx, key, found)
}

// removeEnded removes those pods of a Job whose mover has ended. The kubelet
// keeps them for about two seconds more, in which it takes their sandbox and
// mounts away; it does that without them too, as it does when the garbage
// collector removes pods that have ended. A role that does not permit it,
// such as that of an earlier release, makes it slower and no more.
func (c *Client) removeEnded(ctx context.Context, key types.NamespacedName, pods []corev1.Pod) error {
	for i := range pods {
		p := &pods[i]
		owner, st := metav1.GetControllerOf(p), container(p)
		if owner == nil || owner.Kind != "Job" || owner.Name != key.Name || st == nil || st.State.Terminated == nil {
			continue
		}
		uid := p.GetUID()
		err := c.kube.Delete(ctx, p, client.GracePeriodSeconds(0), client.Preconditions{UID: &uid})
		if err != nil && !kerrors.IsNotFound(err) && !kerrors.IsConflict(err) && !kerrors.IsForbidden(err) {
			return errors.Wrap(err, "cannot delete pod of mover")
		}
	}
	return nil
}

func ignoreExists(err error) error {
	if kerrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
