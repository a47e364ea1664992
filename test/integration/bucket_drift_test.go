// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// A trait is a setting of a bucket in the store, asked and changed there by the
// store's own client.
type trait struct {
	is  func(t *testing.T, s *shop, name string) (string, error)
	set func(t *testing.T, s *shop, name, to string) error
}

// traits are those that the store has, by the fields that ask for them.
func traits() map[string]trait {
	return map[string]trait{
		"versioning": versioningTrait(), "policy": policyTrait(), "cors": corsTrait(), "tags": tagsTrait(), "ownership": ownershipTrait(),
		"objectLock": retentionTrait(),
	}
}

func versioningTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &name})
			if err != nil {
				return "", err
			}
			return string(out.Status), nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			_, err := s.api.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatus(to)}})
			return err
		},
	}
}

// policyTrait is the action that everybody is allowed.
func policyTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name})
			if err != nil {
				return "", err
			}
			_, rest, _ := strings.Cut(aws.ToString(out.Policy), `"s3:`)
			action, _, _ := strings.Cut(rest, `"`)
			return action, nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			_, err := s.api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(policyFor(name, to))})
			return err
		},
	}
}

func policyFor(name, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:%s"],"Resource":["arn:aws:s3:::%s/*"]}]}`, action, name)
}

// corsTrait is the origin that is allowed.
func corsTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetBucketCors(t.Context(), &s3.GetBucketCorsInput{Bucket: &name})
			if err != nil || len(out.CORSRules) != 1 {
				return "", err
			}
			return strings.Join(out.CORSRules[0].AllowedOrigins, ","), nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			c := &types.CORSConfiguration{CORSRules: []types.CORSRule{{AllowedOrigins: []string{to}, AllowedMethods: []string{"GET"}}}}
			_, err := s.api.PutBucketCors(t.Context(), &s3.PutBucketCorsInput{Bucket: &name, CORSConfiguration: c})
			return err
		},
	}
}

// tagsTrait is the tag "team", and which others there are. To set it removes all
// others.
func tagsTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: &name})
			if err != nil {
				return "", err
			}
			var all []string
			for _, tag := range out.TagSet {
				value := aws.ToString(tag.Value)
				if aws.ToString(tag.Key) != "team" {
					value = strings.TrimPrefix(aws.ToString(tag.Key), "wukong.m.novasphere.dev/")
				}
				all = append(all, value)
			}
			slices.Sort(all)
			return strings.Join(all, ","), nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			_, err := s.api.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: &to}}}})
			return err
		},
	}
}

func ownershipTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetBucketOwnershipControls(t.Context(), &s3.GetBucketOwnershipControlsInput{Bucket: &name})
			if err != nil {
				return "", err
			}
			return string(out.OwnershipControls.Rules[0].ObjectOwnership), nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			c := &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(to)}}}
			_, err := s.api.PutBucketOwnershipControls(t.Context(), &s3.PutBucketOwnershipControlsInput{Bucket: &name, OwnershipControls: c})
			return err
		},
	}
}

// retentionTrait is the mode of the retention that new objects get.
func retentionTrait() trait {
	return trait{
		is: func(t *testing.T, s *shop, name string) (string, error) {
			out, err := s.api.GetObjectLockConfiguration(t.Context(), &s3.GetObjectLockConfigurationInput{Bucket: &name})
			if err != nil || out.ObjectLockConfiguration.Rule == nil || out.ObjectLockConfiguration.Rule.DefaultRetention == nil {
				return "", err
			}
			return string(out.ObjectLockConfiguration.Rule.DefaultRetention.Mode), nil
		},
		set: func(t *testing.T, s *shop, name, to string) error {
			c := &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{
				DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionMode(to), Days: aws.Int32(1)},
			}}
			_, err := s.api.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: &name, ObjectLockConfiguration: c})
			return err
		},
	}
}

// has waits until a setting of a bucket is as it should be.
func (s *shop) has(t *testing.T, name, setting, want string) {
	t.Helper()
	within(t, fmt.Sprintf("%s of bucket %s should be %q", setting, name, want), func() error {
		is, err := traits()[setting].is(t, s, name)
		if err == nil && is != want {
			err = fmt.Errorf("it is %q", is)
		}
		return err
	})
}

// breaks changes a setting in the store.
func (s *shop) breaks(t *testing.T, name, setting, to string) {
	t.Helper()
	must(t, traits()[setting].set(t, s, name, to))
}

// TestBucketDrift changes in the store what is managed, and sees each setting
// mended; then what is asked for, and sees the bucket follow.
func TestBucketDrift(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.bucket(t, "drift", func(cr *diskv1alpha1.ImageBucket) {
		p := &cr.Spec.ForProvider
		p.Policy = policyFor("drift", "GetObject")
		p.CORS = &diskv1alpha1.BucketCORS{Rules: []diskv1alpha1.CORSRule{{AllowedOrigins: []string{"https://ours"}, AllowedMethods: []diskv1alpha1.CORSMethod{"GET"}}}}
		p.Tags = &diskv1alpha1.BucketTags{Set: map[string]string{"team": "storage"}}
		p.Ownership = "BucketOwnerPreferred"
		p.ObjectLock = &diskv1alpha1.BucketObjectLock{Retention: &diskv1alpha1.ObjectRetention{Mode: diskv1alpha1.RetentionGovernance, Days: 1}}
	})
	plain := s.bucket(t, "plain", versioned)
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.ready(t, plain, xpv2.ReasonAvailable)
	for setting, c := range map[string]struct {
		cr     *diskv1alpha1.ImageBucket
		is, to string
	}{
		"versioning": {plain, "Enabled", "Suspended"},
		"policy":     {cr, "GetObject", "PutObject"},
		"cors":       {cr, "https://ours", "https://theirs"},
		"tags":       {cr, "created-by,image-bucket,storage", "theirs"},
		"ownership":  {cr, "BucketOwnerPreferred", "ObjectWriter"},
		"objectLock": {cr, "GOVERNANCE", "COMPLIANCE"},
	} {
		t.Run(setting, func(t *testing.T) {
			s.has(t, c.cr.Name, setting, c.is)
			s.breaks(t, c.cr.Name, setting, c.to)
			s.nudge(t, c.cr)
			s.has(t, c.cr.Name, setting, c.is)
		})
	}
	s.nudge(t, cr, func(cr *diskv1alpha1.ImageBucket) {
		p := &cr.Spec.ForProvider
		p.Policy = policyFor("drift", "DeleteObject")
		p.CORS.Rules[0].AllowedOrigins = []string{"https://new"}
		p.Tags.Set["team"] = "new"
		p.Ownership = "BucketOwnerEnforced"
		p.ObjectLock.Retention = nil
	})
	for setting, want := range map[string]string{
		"policy": "DeleteObject", "cors": "https://new", "tags": "created-by,image-bucket,new", "ownership": "BucketOwnerEnforced", "objectLock": "",
	} {
		s.has(t, "drift", setting, want)
	}
	s.condition(t, cr, diskv1alpha1.TypeFeaturesApplied, diskv1alpha1.ReasonApplied)
}

// TestBucketUnmanaged shows that what is not asked for is left as somebody else
// has set it, and that the store is not asked for it either; also what was asked
// for once and is not any more.
func TestBucketUnmanaged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.bucket(t, "unmanaged", func(cr *diskv1alpha1.ImageBucket) {
		cr.Spec.ForProvider.Tags = &diskv1alpha1.BucketTags{Set: map[string]string{"team": "storage"}}
		cr.Spec.ForProvider.Ownership = "BucketOwnerPreferred"
	})
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.has(t, "unmanaged", "ownership", "BucketOwnerPreferred")
	s.condition(t, cr, diskv1alpha1.TypeFeaturesApplied, diskv1alpha1.ReasonApplied)
	s.nudge(t, cr, func(cr *diskv1alpha1.ImageBucket) { cr.Spec.ForProvider.Ownership = "" })
	within(t, "ownership should be managed no more", func() error {
		must(t, get(t, cr))
		for _, f := range cr.Status.AtProvider.Features {
			if f.Name == "ownership" {
				return fmt.Errorf("the status says %+v", f)
			}
		}
		return nil
	})
	s.proxy.Set(nil)
	theirs := map[string]string{"versioning": "Enabled", "policy": "PutObject", "cors": "https://theirs", "ownership": "ObjectWriter"}
	for setting, to := range theirs {
		s.breaks(t, "unmanaged", setting, to)
	}
	// The look that mends the tags has seen all else.
	s.breaks(t, "unmanaged", "tags", "theirs")
	s.nudge(t, cr)
	s.has(t, "unmanaged", "tags", "created-by,image-bucket,storage")
	for setting, to := range theirs {
		s.has(t, "unmanaged", setting, to)
	}
	for _, r := range s.proxy.Requests() {
		for _, q := range []string{"versioning", "policy", "cors", "ownershipControls", "object-lock", "lifecycle", "encryption", "publicAccessBlock"} {
			if strings.Contains(r, q) {
				t.Errorf("the store is asked %s, which nobody asked for", r)
			}
		}
	}
}
