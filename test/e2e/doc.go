// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the project as its users meet it: packages from a
// registry, installed by Crossplane's package manager on a real cluster, the
// provider under the RBAC that examples/ ships, images from a real web server,
// volumes of real provisioners.
//
// The tests need a cluster and nothing else of this machine but the folder
// that the web server serves. hack/e2e.sh brings both and sets
//
//	KUBECONFIG          the cluster
//	WUKONG_WWW          the folder behind http(s)://images.example.com/
//	WUKONG_IMAGES_CA           the authority that signed images.example.com's certificate
//	WUKONG_S3           the URL of an S3 store, with WUKONG_S3_ACCESS_KEY and WUKONG_S3_SECRET_KEY
//	WUKONG_REGISTRY     the host of a registry that speaks http
//	WUKONG_PACKAGES     the manifest that installs the packages from the registry
//	WUKONG_MOVER        an image of the mover that trusts the authority of the users' hosts, which the contract names
//	WUKONG_PEEK_IMAGE   the image of peek, the program that shows a volume's content
//	WUKONG_GUEST        a raw disk that boots (hack/guest.sh)
//
// Every test has a namespace of its own, so that they run side by side; a
// namespace whose test failed is described in the test's log before it goes.
package e2e
