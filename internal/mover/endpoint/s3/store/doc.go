// SPDX-License-Identifier: Apache-2.0

// Package store makes requests about one object and understands what the store
// answers: it gives each failure its reason, renews credentials that were
// refused, and keeps secrets out of messages.
package store
