// SPDX-License-Identifier: Apache-2.0

// Package disk is the vocabulary of the data plane: a File is the bytes of an
// image as an endpoint serves them, a Layout says where on the disk each part
// of that file belongs, and a Writer is the disk that is filled.
//
// Endpoints implement File and Writer, formats implement Layout, and the
// engine knows nothing but these three and their optional abilities.
package disk
