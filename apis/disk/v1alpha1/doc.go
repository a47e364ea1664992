// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the managed resources that move disks: DiskImport
// brings an image into a claim, DiskExport makes an artifact of a disk,
// ImageBucket is a bucket that holds images and artifacts.
//
// +kubebuilder:object:generate=true
// +groupName=disk.wukong.m.novasphere.dev
// +versionName=v1alpha1
package v1alpha1
