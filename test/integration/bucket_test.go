// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

var gateway = sync.OnceValues(func() (string, error) { return versity.Program(context.Background()) })

// A shop is a namespace with a real S3 store, a configuration that lets the
// provider speak to it, and a Secret with its keys.
type shop struct {
	*versity.Server

	proxy     *versity.Proxy
	namespace string
	api       *s3conn.Conn
}

func newShop(t *testing.T) *shop {
	t.Helper()
	start(t)
	program, err := gateway()
	must(t, err)
	s := &shop{Server: versity.Start(t, program), namespace: namespace(t)}
	s.proxy = versity.NewProxy(t, s.Server)
	s.api, err = s3conn.New(t.Context(), s3conn.Options{Endpoint: s.URL, Load: s3conn.Folder(versity.Credentials(t))})
	must(t, err)
	pc := &v1alpha1.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "store"}}
	pc.Spec.Policy.AllowedNetworks = []string{"127.0.0.0/8"}
	pc.Spec.S3 = &v1alpha1.S3{Endpoint: s.proxy.URL}
	must(t, kube.client.Create(t.Context(), pc))
	s.keys(t, versity.SecretAccessKey)
	return s
}

// keys makes the Secret, or changes it.
func (s *shop) keys(t *testing.T, secret string) {
	t.Helper()
	o := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "keys"}}
	data := map[string]string{"accessKeyId": versity.AccessKeyID, "secretAccessKey": secret}
	if get(t, o) != nil {
		o.StringData = data
		must(t, kube.client.Create(t.Context(), o))
		return
	}
	o.StringData = data
	must(t, kube.client.Update(t.Context(), o))
}

func (s *shop) config() *xpv2.ProviderConfigReference {
	return &xpv2.ProviderConfigReference{Kind: "ProviderConfig", Name: "store"}
}

// bucket makes an ImageBucket.
func (s *shop) bucket(t *testing.T, name string, edits ...func(*diskv1alpha1.ImageBucket)) *diskv1alpha1.ImageBucket {
	t.Helper()
	cr := &diskv1alpha1.ImageBucket{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Labels: map[string]string{"for": "images"}}}
	cr.Spec.ProviderConfigReference = s.config()
	cr.Spec.ForProvider.SecretRef.Name = "keys"
	cr.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: name + "-place"}
	for _, e := range edits {
		e(cr)
	}
	must(t, kube.client.Create(t.Context(), cr))
	return cr
}

// ready waits until an ImageBucket has a reason of Ready.
func (s *shop) ready(t *testing.T, cr *diskv1alpha1.ImageBucket, r xpv2.ConditionReason) {
	t.Helper()
	s.condition(t, cr, xpv2.TypeReady, r)
}

func (s *shop) condition(t *testing.T, cr *diskv1alpha1.ImageBucket, c xpv2.ConditionType, r xpv2.ConditionReason) {
	t.Helper()
	within(t, fmt.Sprintf("%s should become %s %s", cr.Name, c, r), func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		if is := cr.GetCondition(c); is.Reason != r {
			return fmt.Errorf("it is %s %s, Synced %s: %s", is.Status, is.Reason, cr.GetCondition(xpv2.TypeSynced).Message, cr.Status.AtProvider.Message)
		}
		return nil
	})
}

// nudge makes the provider look at an ImageBucket now.
func (s *shop) nudge(t *testing.T, cr *diskv1alpha1.ImageBucket, edits ...func(*diskv1alpha1.ImageBucket)) {
	t.Helper()
	within(t, "the ImageBucket should change", func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&cr.ObjectMeta, "touched", cr.ResourceVersion)
		for _, e := range edits {
			e(cr)
		}
		return kube.client.Update(t.Context(), cr)
	})
}

// there reports whether the store has a bucket.
func (s *shop) there(t *testing.T, name string) bool {
	t.Helper()
	_, err := s.api.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &name})
	return err == nil
}

func (s *shop) put(t *testing.T, name, key string) {
	t.Helper()
	_, err := s.api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader(key)})
	must(t, err)
}

func versioned(cr *diskv1alpha1.ImageBucket) {
	cr.Spec.ForProvider.Versioning = diskv1alpha1.VersioningEnabled
}

func emptied(cr *diskv1alpha1.ImageBucket) {
	cr.Spec.ForProvider.Deletion.Policy = diskv1alpha1.DeletionEmpty
}

func TestBucketLife(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.bucket(t, "life", versioned, func(cr *diskv1alpha1.ImageBucket) {
		cr.Spec.ForProvider.Tags = &diskv1alpha1.BucketTags{Set: map[string]string{"team": "storage"}}
		cr.Spec.ForProvider.Encryption = &diskv1alpha1.BucketEncryption{Algorithm: diskv1alpha1.EncryptionAES256}
	})
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.condition(t, cr, diskv1alpha1.TypeFeaturesApplied, diskv1alpha1.ReasonUnsupported)
	if m := cr.GetCondition(diskv1alpha1.TypeFeaturesApplied).Message; !strings.Contains(m, "cannot do: encryption.") {
		t.Errorf("the condition does not name what the store cannot do: %s", m)
	}
	if at := cr.Status.AtProvider; at.Origin != "Created" || at.Region != "us-east-1" || at.Endpoint != s.proxy.URL || meta.GetExternalName(cr) != "life" {
		t.Errorf("the status says %+v, the external name is %q", at, meta.GetExternalName(cr))
	}
	place := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "life-place"}}
	must(t, get(t, place))
	for key, want := range map[string]string{
		"endpoint": s.proxy.URL, "region": "us-east-1", "bucket": "life", "accessKeyId": versity.AccessKeyID,
		"secretKey": versity.SecretAccessKey, "secretAccessKey": versity.SecretAccessKey,
	} {
		if got := string(place.Data[key]); got != want {
			t.Errorf("the connection Secret has %s %q, want %q", key, got, want)
		}
	}
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	if s.there(t, "life") {
		t.Error("the bucket is still there")
	}
}

func TestBucketAdoption(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.put(t, versity.Bucket, "old")
	stranger := s.bucket(t, versity.Bucket)
	s.ready(t, stranger, diskv1alpha1.ReasonBucketConflict)
	must(t, kube.client.Delete(t.Context(), stranger))
	gone(t, stranger)
	if !s.there(t, versity.Bucket) {
		t.Fatal("a bucket that was never ours is gone")
	}
	watched := s.bucket(t, "watched", versioned, func(cr *diskv1alpha1.ImageBucket) {
		meta.SetExternalName(cr, versity.Bucket)
		cr.Spec.ManagementPolicies = xpv2.ManagementPolicies{xpv2.ManagementActionObserve}
	})
	s.ready(t, watched, xpv2.ReasonAvailable)
	if _, err := s.api.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String(versity.Bucket)}); err == nil {
		t.Error("a bucket that is only looked at has got tags")
	}
	adopted := s.bucket(t, "adopted", func(cr *diskv1alpha1.ImageBucket) { meta.SetExternalName(cr, versity.Bucket) })
	s.ready(t, adopted, xpv2.ReasonAvailable)
	within(t, "the bucket should be adopted", func() error {
		if err := get(t, adopted); err != nil || adopted.Status.AtProvider.Origin != "Adopted" {
			return fmt.Errorf("its origin is %q: %w", adopted.Status.AtProvider.Origin, err)
		}
		return nil
	})
	second := s.bucket(t, "second", emptied, func(cr *diskv1alpha1.ImageBucket) { meta.SetExternalName(cr, versity.Bucket) })
	s.ready(t, second, diskv1alpha1.ReasonBucketConflict)
	must(t, kube.client.Delete(t.Context(), second))
	gone(t, second)
	if _, ok := s.Object(t, "old"); !ok {
		t.Error("an ImageBucket has emptied the bucket of another")
	}
}

func TestBucketProblems(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	denied := s.bucket(t, "denied", func(cr *diskv1alpha1.ImageBucket) {
		cr.Spec.ProviderConfigReference = nil
		cr.Spec.ForProvider.Endpoint = s.proxy.URL
	})
	s.ready(t, denied, diskv1alpha1.ReasonPolicyDenied)
	missing := s.bucket(t, "missing", func(cr *diskv1alpha1.ImageBucket) { cr.Spec.ForProvider.SecretRef.Name = "none" })
	s.ready(t, missing, diskv1alpha1.ReasonSecretNotFound)

	cr := s.bucket(t, "wrong-keys")
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.keys(t, "another-secret")
	s.nudge(t, cr)
	s.ready(t, cr, diskv1alpha1.ReasonCredentialsRefused)
	if strings.Contains(cr.Status.AtProvider.Message, "another-secret") {
		t.Errorf("the message holds the secret: %s", cr.Status.AtProvider.Message)
	}
	// With keys that the store refuses nothing is known to be gone.
	must(t, kube.client.Delete(t.Context(), cr))
	s.condition(t, cr, xpv2.TypeReady, xpv2.ReasonDeleting)
	s.condition(t, cr, xpv2.TypeSynced, xpv2.ReasonReconcileSuccess)
	s.condition(t, cr, diskv1alpha1.TypeStalled, diskv1alpha1.ReasonCredentialsRefused)
	s.keys(t, versity.SecretAccessKey)
	s.nudge(t, cr)
	gone(t, cr)
	if s.there(t, "wrong-keys") {
		t.Error("the bucket is still there")
	}
	s.proxy.Set(versity.Times(versity.Always, func(r *http.Request) bool {
		return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "elsewhere")
	},
		versity.Answer(http.StatusMovedPermanently, "", "", "X-Amz-Bucket-Region", "eu-west-1")))
	far := s.bucket(t, "elsewhere")
	s.ready(t, far, diskv1alpha1.ReasonWrongRegion)
	if m := far.Status.AtProvider.Message; !strings.Contains(m, "eu-west-1") {
		t.Errorf("the message does not name the region: %s", m)
	}
}

// TestBucketReferences imports from and exports to a bucket that an ImageBucket
// made.
func TestBucketReferences(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	newClaim(t, s.namespace, "disk")
	ref := func(name string) diskv1alpha1.S3Object {
		return diskv1alpha1.S3Object{BucketRef: &diskv1alpha1.BucketReference{Name: name}, Key: "vm.qcow2"}
	}
	in := newImport(t, s.namespace, "by-ref", func(cr *diskv1alpha1.DiskImport) {
		cr.Spec.ProviderConfigReference = s.config()
		cr.Spec.ForProvider.Source = diskv1alpha1.ImportSource{S3: &diskv1alpha1.S3Source{S3Object: ref("images")}}
	})
	reach(t, in, diskv1alpha1.PhasePending, diskv1alpha1.ReasonBucketNotFound)
	out := newExport(t, s.namespace, "by-label", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ProviderConfigReference = s.config()
		cr.Spec.ForProvider.Target.S3 = &diskv1alpha1.S3Object{BucketSelector: &diskv1alpha1.BucketSelector{MatchLabels: map[string]diskv1alpha1.LabelValue{"for": "images"}}, Key: "vm.qcow2"}
	})
	exported(t, out, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonBucketNotFound)
	world.nodes.keep("by-ref", true)
	world.nodes.keep("by-label", true)

	b := s.bucket(t, "images")
	s.ready(t, b, xpv2.ReasonAvailable)
	reach(t, in, diskv1alpha1.PhaseImporting, "")
	exported(t, out, diskv1alpha1.ExportPhaseExporting, "")
	doc := document(t, s.namespace, "by-ref-"+string(in.UID)[:8])
	if o := doc.Source.S3; o == nil || o.Endpoint != s.proxy.URL || o.Bucket != "images" || o.Region != "us-east-1" || o.CredentialsDir == "" {
		t.Errorf("the mover of the import reads from %+v", o)
	}
	doc = document(t, s.namespace, "by-label-"+string(out.UID)[:8])
	if o := doc.Artifact.S3; o == nil || o.Endpoint != s.proxy.URL || o.Bucket != "images" || o.CredentialsDir == "" {
		t.Errorf("the mover of the export writes to %+v", o)
	}
	// A transfer that has begun does not need the ImageBucket any more, nor
	// mind another one with its labels.
	s.bucket(t, "others")
	must(t, kube.client.Delete(t.Context(), b))
	gone(t, b)
	world.nodes.keep("by-ref", false)
	world.nodes.keep("by-label", false)
	reach(t, in, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	exported(t, out, diskv1alpha1.ExportPhaseSucceeded, "")
	if name := out.Annotations["crossplane.io/external-name"]; name != "s3://images/vm.qcow2" {
		t.Errorf("the external name of the export is %q", name)
	}
	if used := in.Status.AtProvider.Bucket; used == nil || used.ImageBucket != "images" {
		t.Errorf("the status does not say which bucket was used: %+v", used)
	}
	s.bucket(t, "more")
	late := newExport(t, s.namespace, "ambiguous", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ProviderConfigReference = s.config()
		cr.Spec.ForProvider.Target.S3 = out.Spec.ForProvider.Target.S3
	})
	exported(t, late, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonBucketAmbiguous)
}

// TestBucketRules shows what the API server says to manifests that cannot be.
func TestBucketRules(t *testing.T) {
	ns := namespace(t)
	object := func(o diskv1alpha1.S3Object) func() error {
		return func() error {
			cr := &diskv1alpha1.DiskImport{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "rules-"}}
			o.Key = "a"
			cr.Spec.ForProvider.Source.S3 = &diskv1alpha1.S3Source{S3Object: o}
			return kube.client.Create(t.Context(), cr)
		}
	}
	images := &diskv1alpha1.BucketReference{Name: "images"}
	made := func(edits ...func(*diskv1alpha1.ImageBucketParameters)) func() error {
		return func() error {
			cr := &diskv1alpha1.ImageBucket{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "rules-"}}
			cr.Spec.ForProvider = diskv1alpha1.ImageBucketParameters{Region: "one", SecretRef: diskv1alpha1.SecretReference{Name: "keys"}}
			for _, e := range edits[:len(edits)-1] {
				e(&cr.Spec.ForProvider)
				must(t, kube.client.Create(t.Context(), cr))
			}
			// The provider writes to what is there, too: no version is named.
			was := cr.DeepCopy()
			edits[len(edits)-1](&cr.Spec.ForProvider)
			if len(edits) > 1 {
				return kube.client.Patch(t.Context(), cr, client.MergeFrom(was))
			}
			return kube.client.Create(t.Context(), cr)
		}
	}
	lock := func(p *diskv1alpha1.ImageBucketParameters) { p.ObjectLock = &diskv1alpha1.BucketObjectLock{} }
	cases := map[string]struct {
		try  func() error
		says string
	}{
		"NoBucket":   {object(diskv1alpha1.S3Object{}), "in exactly one way"},
		"TwoBuckets": {object(diskv1alpha1.S3Object{Bucket: "images", BucketRef: images}), "in exactly one way"},
		"RefAndMore": {object(diskv1alpha1.S3Object{BucketRef: images, Region: "one"}), "they come from the ImageBucket"},
		"Region":     {made(func(*diskv1alpha1.ImageBucketParameters) {}, func(p *diskv1alpha1.ImageBucketParameters) { p.Region = "two" }), "stays in its region"},
		"Unlock":     {made(lock, func(p *diskv1alpha1.ImageBucketParameters) { p.ObjectLock = nil }), "cannot be turned off"},
		"LockedOnly": {made(func(p *diskv1alpha1.ImageBucketParameters) { lock(p); p.Versioning = "Suspended" }), "object lock needs versions"},
		"EmptyRule": {made(func(p *diskv1alpha1.ImageBucketParameters) {
			p.Lifecycle = &diskv1alpha1.BucketLifecycle{Rules: []diskv1alpha1.LifecycleRule{{Name: "x"}}}
		}), "say what the rule removes"},
		"PolicyText": {made(func(p *diskv1alpha1.ImageBucketParameters) { p.Policy = "public" }), "as a JSON document"},
		"KeyOfAES256": {made(func(p *diskv1alpha1.ImageBucketParameters) {
			p.Encryption = &diskv1alpha1.BucketEncryption{Algorithm: "AES256", KMSKeyID: "k"}
		}), "leave it out with AES256"},
		"OwnTag": {made(func(p *diskv1alpha1.ImageBucketParameters) {
			p.Tags = &diskv1alpha1.BucketTags{Set: map[string]string{"wukong.m.novasphere.dev/created-by": "x"}}
		}), "begin neither with"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tc.try(); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("want %q, got %v", tc.says, err)
			}
		})
	}
}
