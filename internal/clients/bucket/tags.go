// SPDX-License-Identifier: Apache-2.0

package bucket

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// prefixOwner is what the names of tags begin with that say whose a bucket
	// is, prefixSystem those of AWS itself, which nobody may change.
	prefixOwner  = "wukong.m.novasphere.dev/"
	prefixSystem = "aws:"
)

// tags asks for the bucket's tags.
func (b *Bucket) tags(ctx context.Context) (map[string]string, error) {
	out, err := b.api.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b.name})
	if absent(err) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, t := range out.TagSet {
		have[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return have, nil
}

// setTags sets all tags at once, which is all that S3 can.
func (b *Bucket) setTags(ctx context.Context, want Settings) error {
	have, err := b.tags(ctx)
	if err != nil {
		return err
	}
	next := merged(have, want)
	set := []types.Tag{}
	for _, k := range slices.Sorted(maps.Keys(next)) {
		set = append(set, types.Tag{Key: aws.String(k), Value: aws.String(next[k])})
	}
	_, err = b.api.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &b.name, Tagging: &types.Tagging{TagSet: set}})
	return err
}

// merged are the tags that a bucket should have, which has some.
func merged(have map[string]string, want Settings) map[string]string {
	out := map[string]string{}
	for k, v := range have {
		owner := strings.HasPrefix(k, prefixOwner)
		if strings.HasPrefix(k, prefixSystem) || owner && want.Owner == nil || !owner && want.Tags == nil {
			out[k] = v
		}
	}
	maps.Copy(out, want.Tags)
	maps.Copy(out, want.Owner)
	return out
}

func (b *Bucket) tagsFeature(want Settings) feature {
	return b.taggingFeature(FeatureTags, Settings{Tags: want.Tags})
}

func (b *Bucket) ownerFeature(want Settings) feature {
	return b.taggingFeature(FeatureOwner, Settings{Owner: want.Owner})
}

func (b *Bucket) taggingFeature(name string, want Settings) feature {
	return feature{
		name: name,
		same: func(ctx context.Context) (bool, error) {
			have, err := b.tags(ctx)
			return err == nil && maps.Equal(have, merged(have, want)), err
		},
		set: func(ctx context.Context) error { return b.setTags(ctx, want) },
	}
}
