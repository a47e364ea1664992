// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (b *Bucket) lifecycleFeature(want []LifecycleRule) feature {
	return feature{
		name: FeatureLifecycle,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.name})
			if absent(err) {
				return len(want) == 0, nil
			}
			if err != nil {
				return false, err
			}
			return sameLifecycle(out.Rules, want), nil
		},
		set: func(ctx context.Context) error {
			if len(want) == 0 {
				_, err := b.api.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &b.name})
				return err
			}
			c := &types.BucketLifecycleConfiguration{}
			for _, r := range want {
				c.Rules = append(c.Rules, r.wire())
			}
			_, err := b.api.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &b.name, LifecycleConfiguration: c})
			return err
		},
	}
}

// wire is the rule as S3 has it.
func (r LifecycleRule) wire() types.LifecycleRule {
	out := types.LifecycleRule{ID: &r.Name, Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: &r.Prefix}}
	if r.Expiration > 0 {
		out.Expiration = &types.LifecycleExpiration{Days: &r.Expiration}
	}
	if r.NoncurrentExpiration > 0 {
		out.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: &r.NoncurrentExpiration}
	}
	if r.AbortUploads > 0 {
		out.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: &r.AbortUploads}
	}
	return out
}

// ruleOf is a store's rule as we have it.
func ruleOf(r types.LifecycleRule) LifecycleRule {
	out := LifecycleRule{Name: aws.ToString(r.ID), Prefix: aws.ToString(r.Prefix)} //nolint:staticcheck // Deprecated to write; stores still tell it.
	out.foreign = r.Status != types.ExpirationStatusEnabled || len(r.Transitions)+len(r.NoncurrentVersionTransitions) > 0
	if f := r.Filter; f != nil {
		out.Prefix = cmp.Or(aws.ToString(f.Prefix), out.Prefix)
		out.foreign = out.foreign || f.Tag != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil
		if f.And != nil {
			out.Prefix = cmp.Or(aws.ToString(f.And.Prefix), out.Prefix)
			out.foreign = out.foreign || len(f.And.Tags) > 0 || f.And.ObjectSizeGreaterThan != nil || f.And.ObjectSizeLessThan != nil
		}
	}
	if e := r.Expiration; e != nil {
		out.Expiration = aws.ToInt32(e.Days)
		out.foreign = out.foreign || e.Date != nil || aws.ToBool(e.ExpiredObjectDeleteMarker)
	}
	if e := r.NoncurrentVersionExpiration; e != nil {
		out.NoncurrentExpiration = aws.ToInt32(e.NoncurrentDays)
		out.foreign = out.foreign || aws.ToInt32(e.NewerNoncurrentVersions) > 0
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		out.AbortUploads = aws.ToInt32(a.DaysAfterInitiation)
	}
	return out
}

// sameLifecycle compares rules in any order.
func sameLifecycle(is []types.LifecycleRule, want []LifecycleRule) bool {
	var have []LifecycleRule
	for _, r := range is {
		have = append(have, ruleOf(r))
	}
	byName := func(a, b LifecycleRule) int { return cmp.Compare(a.Name, b.Name) }
	return slices.Equal(slices.SortedFunc(slices.Values(have), byName), slices.SortedFunc(slices.Values(want), byName))
}

func (b *Bucket) corsFeature(want []CORSRule) feature {
	return feature{
		name: FeatureCORS,
		same: func(ctx context.Context) (bool, error) {
			out, err := b.api.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: &b.name})
			if absent(err) {
				return len(want) == 0, nil
			}
			if err != nil {
				return false, err
			}
			return slices.EqualFunc(out.CORSRules, want, sameCORS), nil
		},
		set: func(ctx context.Context) error {
			if len(want) == 0 {
				_, err := b.api.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: &b.name})
				return err
			}
			c := &types.CORSConfiguration{}
			for _, r := range want {
				c.CORSRules = append(c.CORSRules, types.CORSRule{
					AllowedOrigins: r.Origins, AllowedMethods: r.Methods, AllowedHeaders: r.Headers, ExposeHeaders: r.Expose, MaxAgeSeconds: r.MaxAge,
				})
			}
			_, err := b.api.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: &b.name, CORSConfiguration: c})
			return err
		},
	}
}

// sameCORS compares two rules, whose lists have no order. Rules have: the first
// that fits a request counts.
func sameCORS(is types.CORSRule, want CORSRule) bool {
	return aws.ToInt32(is.MaxAgeSeconds) == aws.ToInt32(want.MaxAge) &&
		sameSet(is.AllowedOrigins, want.Origins) && sameSet(is.AllowedMethods, want.Methods) &&
		sameSet(is.AllowedHeaders, want.Headers) && sameSet(is.ExposeHeaders, want.Expose)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}
