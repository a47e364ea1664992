// SPDX-License-Identifier: Apache-2.0

package origin_test

import (
	"context"
	"slices"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
)

// The namespaces of the DiskImport, of the images, and one that images point to.
const (
	tenant = "team-a"
	images = "golden"
	vault  = "vault"
)

// granted are the names that the tenant may clone, as namespace/name.
type granted []string

func (g granted) MayClone(_ context.Context, by, namespace, name string) (bool, error) {
	return by == tenant && slices.Contains(g, namespace+"/"+name), nil
}

// seen are the namespaces that were looked into.
type seen []string

// look is a client of a cluster with some objects, which notes what is read.
func (s *seen) look(t *testing.T, objects []client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cdiv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	snapshots := schema.GroupVersionKind{Group: snapshot.Group, Version: "v1", Kind: "VolumeSnapshot"}
	scheme.AddKnownTypeWithName(snapshots, &unstructured.Unstructured{})
	snapshots.Kind += "List"
	scheme.AddKnownTypeWithName(snapshots, &unstructured.UnstructuredList{})
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			*s = append(*s, key.Namespace)
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			o := client.ListOptions{}
			o.ApplyOptions(opts)
			*s = append(*s, o.Namespace)
			return c.List(ctx, l, opts...)
		},
	}).Build()
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func claim(namespace, name string) client.Object {
	return &corev1.PersistentVolumeClaim{ObjectMeta: meta(namespace, name)}
}

func copied(namespace, name string) client.Object {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: snapshot.Group, Version: "v1", Kind: "VolumeSnapshot"})
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// pointer is a DataSource that points to a claim.
func pointer(namespace, name, to, claim string) client.Object {
	return &cdiv1.DataSource{ObjectMeta: meta(namespace, name), Spec: cdiv1.DataSourceSpec{
		Source: cdiv1.DataSourceSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: to, Name: claim}},
	}}
}

func importOf(s v1alpha1.ImportSource) *v1alpha1.DiskImport {
	cr := &v1alpha1.DiskImport{ObjectMeta: meta(tenant, "web")}
	cr.SetProviderConfigReference(&xpv2.ProviderConfigReference{Kind: configv1alpha1.ClusterProviderConfigKind, Name: "default"})
	cr.Spec.ForProvider.Source = s
	return cr
}

// find is what a DiskImport is told of a cluster, and where was looked for it.
func find(t *testing.T, cr *v1alpha1.DiskImport, g granted, objects []client.Object) (*diagnosis.Finding, seen) {
	t.Helper()
	s := seen{}
	kube := s.look(t, objects)
	f := origin.Finder{Rights: g, Disks: volume.New(kube), Copies: snapshot.New(kube), Volumes: datavolume.New(kube)}
	d, err := f.Find(t.Context(), cr)
	if err != nil {
		t.Fatal(err)
	}
	return d.Problem, s
}

// TestFindWithoutRights clones from a namespace without its leave: the answer is
// the same whether there is something or not, and nobody looks.
func TestFindWithoutRights(t *testing.T) {
	ref := &v1alpha1.CloneSource{Namespace: images, Name: "ubuntu"}
	local := &v1alpha1.CloneSource{Name: "ubuntu"}
	cases := map[string]struct {
		reason  string
		source  v1alpha1.ImportSource
		granted granted
		always  []client.Object // in the cluster in either case
		there   []client.Object // and what may be there or not
		closed  string          // the namespace that nobody may look into
	}{
		"Claim": {
			reason: "A claim is not looked for.",
			source: v1alpha1.ImportSource{PVC: ref}, there: []client.Object{claim(images, "ubuntu")}, closed: images,
		},
		"OtherName": {
			reason: "The right is one to a name.",
			source: v1alpha1.ImportSource{PVC: ref}, granted: granted{"golden/debian"}, there: []client.Object{claim(images, "ubuntu")}, closed: images,
		},
		"Snapshot": {
			reason: "Nor is a snapshot.",
			source: v1alpha1.ImportSource{Snapshot: ref}, there: []client.Object{copied(images, "ubuntu")}, closed: images,
		},
		"DataSource": {
			reason: "Nor is a DataSource, which would say what else is there.",
			source: v1alpha1.ImportSource{DataSource: ref}, there: []client.Object{pointer(images, "ubuntu", images, "disk"), claim(images, "disk")}, closed: images,
		},
		"DataSourceToOwn": {
			reason: "What it points to is no right to read it.",
			source: v1alpha1.ImportSource{DataSource: ref}, there: []client.Object{pointer(images, "ubuntu", tenant, "disk"), claim(tenant, "disk")}, closed: images,
		},
		"DataSourceOnly": {
			reason: "The right to a DataSource is none to the claim that it points to.",
			source: v1alpha1.ImportSource{DataSource: ref}, granted: granted{"golden/ubuntu"},
			always: []client.Object{pointer(images, "ubuntu", vault, "disk")}, there: []client.Object{claim(vault, "disk")}, closed: vault,
		},
		"LocalDataSource": {
			reason: "A DataSource of one's own opens no other namespace.",
			source: v1alpha1.ImportSource{DataSource: local},
			always: []client.Object{pointer(tenant, "ubuntu", images, "disk")}, there: []client.Object{claim(images, "disk")}, closed: images,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := importOf(tc.source)
			nothing, without := find(t, cr, tc.granted, tc.always)
			something, with := find(t, cr, tc.granted, slices.Concat(tc.always, tc.there))
			if something == nil || something.Reason != v1alpha1.ReasonCloneForbidden {
				t.Errorf("%s Want it forbidden, got %+v", tc.reason, something)
			}
			if diff := cmp.Diff(nothing, something); diff != "" {
				t.Errorf("%s The answer tells whether there is something, -without +with:\n%s", tc.reason, diff)
			}
			if slices.Contains(slices.Concat(without, with), tc.closed) {
				t.Errorf("%s Namespace %s was looked into", tc.reason, tc.closed)
			}
		})
	}
}

// TestFindConfined uses a configuration that does not leave its namespace; the
// right to clone does not help.
func TestFindConfined(t *testing.T) {
	ref := &v1alpha1.CloneSource{Namespace: images, Name: "ubuntu"}
	for name, s := range map[string]v1alpha1.ImportSource{"pvc": {PVC: ref}, "snapshot": {Snapshot: ref}, "dataSource": {DataSource: ref}} {
		t.Run(name, func(t *testing.T) {
			cr := importOf(s)
			cr.SetProviderConfigReference(&xpv2.ProviderConfigReference{Kind: "ProviderConfig", Name: "default"})
			p, looked := find(t, cr, granted{"golden/ubuntu"}, []client.Object{claim(images, "ubuntu")})
			if p == nil || p.Reason != v1alpha1.ReasonCloneForbidden || len(looked) > 0 {
				t.Errorf("want it forbidden and nothing looked at, got %+v after a look into %v", p, looked)
			}
		})
	}
}

// TestFindWithRights says of what is permitted what is wrong with it.
func TestFindWithRights(t *testing.T) {
	ref := &v1alpha1.CloneSource{Namespace: images, Name: "ubuntu"}
	cases := map[string]struct {
		reason  string
		source  v1alpha1.ImportSource
		granted granted
		objects []client.Object
		want    v1alpha1.Reason
	}{
		"NoClaim":      {"Whoever may clone it is told that it is not there.", v1alpha1.ImportSource{PVC: ref}, granted{"golden/ubuntu"}, nil, v1alpha1.ReasonClaimNotFound},
		"Unbound":      {"A claim without a volume has nothing on it.", v1alpha1.ImportSource{PVC: ref}, granted{"golden/ubuntu"}, []client.Object{claim(images, "ubuntu")}, v1alpha1.ReasonClaimNotBound},
		"NoSnapshot":   {"The same of a snapshot.", v1alpha1.ImportSource{Snapshot: ref}, granted{"golden/ubuntu"}, nil, v1alpha1.ReasonSnapshotNotFound},
		"Snapshot":     {"A snapshot that is there is found.", v1alpha1.ImportSource{Snapshot: ref}, granted{"golden/ubuntu"}, []client.Object{copied(images, "ubuntu")}, ""},
		"NoDataSource": {"The same of a DataSource.", v1alpha1.ImportSource{DataSource: ref}, granted{"golden/ubuntu"}, nil, v1alpha1.ReasonDataSourceNotFound},
		"Pointed": {
			"Both namespaces have given their leave.", v1alpha1.ImportSource{DataSource: ref}, granted{"golden/ubuntu", "vault/disk"},
			[]client.Object{pointer(images, "ubuntu", vault, "disk")}, v1alpha1.ReasonClaimNotFound,
		},
		"Own": {"One's own namespace asks for nothing.", v1alpha1.ImportSource{PVC: &v1alpha1.CloneSource{Name: "ubuntu"}}, nil, nil, v1alpha1.ReasonClaimNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, _ := find(t, importOf(tc.source), tc.granted, tc.objects)
			got := v1alpha1.Reason("")
			if p != nil {
				got = p.Reason
			}
			if got != tc.want {
				t.Errorf("%s Want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
