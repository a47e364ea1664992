// SPDX-License-Identifier: Apache-2.0

//go:build !noasm

#include "textflag.h"

// K of FIPS 180-4, section 4.2.2.
DATA k<>+0x00(SB)/8, $0x71374491428a2f98
DATA k<>+0x08(SB)/8, $0xe9b5dba5b5c0fbcf
DATA k<>+0x10(SB)/8, $0x59f111f13956c25b
DATA k<>+0x18(SB)/8, $0xab1c5ed5923f82a4
DATA k<>+0x20(SB)/8, $0x12835b01d807aa98
DATA k<>+0x28(SB)/8, $0x550c7dc3243185be
DATA k<>+0x30(SB)/8, $0x80deb1fe72be5d74
DATA k<>+0x38(SB)/8, $0xc19bf1749bdc06a7
DATA k<>+0x40(SB)/8, $0xefbe4786e49b69c1
DATA k<>+0x48(SB)/8, $0x240ca1cc0fc19dc6
DATA k<>+0x50(SB)/8, $0x4a7484aa2de92c6f
DATA k<>+0x58(SB)/8, $0x76f988da5cb0a9dc
DATA k<>+0x60(SB)/8, $0xa831c66d983e5152
DATA k<>+0x68(SB)/8, $0xbf597fc7b00327c8
DATA k<>+0x70(SB)/8, $0xd5a79147c6e00bf3
DATA k<>+0x78(SB)/8, $0x1429296706ca6351
DATA k<>+0x80(SB)/8, $0x2e1b213827b70a85
DATA k<>+0x88(SB)/8, $0x53380d134d2c6dfc
DATA k<>+0x90(SB)/8, $0x766a0abb650a7354
DATA k<>+0x98(SB)/8, $0x92722c8581c2c92e
DATA k<>+0xa0(SB)/8, $0xa81a664ba2bfe8a1
DATA k<>+0xa8(SB)/8, $0xc76c51a3c24b8b70
DATA k<>+0xb0(SB)/8, $0xd6990624d192e819
DATA k<>+0xb8(SB)/8, $0x106aa070f40e3585
DATA k<>+0xc0(SB)/8, $0x1e376c0819a4c116
DATA k<>+0xc8(SB)/8, $0x34b0bcb52748774c
DATA k<>+0xd0(SB)/8, $0x4ed8aa4a391c0cb3
DATA k<>+0xd8(SB)/8, $0x682e6ff35b9cca4f
DATA k<>+0xe0(SB)/8, $0x78a5636f748f82ee
DATA k<>+0xe8(SB)/8, $0x8cc7020884c87814
DATA k<>+0xf0(SB)/8, $0xa4506ceb90befffa
DATA k<>+0xf8(SB)/8, $0xc67178f2bef9a3f7
GLOBL k<>(SB), RODATA|NOPTR, $256

// The words of a message are big-endian.
DATA bigEndian<>+0x00(SB)/8, $0x0405060700010203
DATA bigEndian<>+0x08(SB)/8, $0x0c0d0e0f08090a0b
GLOBL bigEndian<>(SB), RODATA|NOPTR, $16

// The instructions want the state's words as (a, b, e, f) and (c, d, g, h), the
// first one highest. The state is at an offset of DI.
#define TAKE(offset, abef, cdgh) \
	MOVOU  (offset)(DI), abef      \
	MOVOU  (16+offset)(DI), cdgh   \
	PSHUFD $0xb1, abef, abef       \
	PSHUFD $0x1b, cdgh, cdgh       \
	MOVO   abef, X7                \
	PALIGNR $8, cdgh, abef         \
	PBLENDW $0xf0, X7, cdgh

#define GIVE(offset, abef, cdgh) \
	PSHUFD $0x1b, abef, abef       \
	PSHUFD $0xb1, cdgh, cdgh       \
	MOVO   abef, X7                \
	PBLENDW $0xf0, cdgh, abef      \
	PALIGNR $8, X7, cdgh           \
	MOVOU  abef, (offset)(DI)      \
	MOVOU  cdgh, (16+offset)(DI)

#define LOAD(words, w) \
	MOVOU  words, w \
	PSHUFB X14, w

// Four rounds with the words w; their constants are at an offset of AX.
#define ROUNDS(constants, w, abef, cdgh) \
	MOVO        w, X0                 \
	PADDD       (constants)(AX), X0   \
	SHA256RNDS2 X0, abef, cdgh        \
	PSHUFD      $0x0e, X0, X0         \
	SHA256RNDS2 X0, cdgh, abef

// Four rounds, and the schedule: next, which are the words 12 before those after
// w, with SHA256MSG1 done to them, become those after w; before are those before w.
#define STEP(constants, before, w, next, abef, cdgh) \
	ROUNDS(constants, w, abef, cdgh) \
	MOVO       w, X7                 \
	PALIGNR    $4, before, X7        \
	PADDD      X7, next              \
	SHA256MSG2 w, next               \
	SHA256MSG1 w, before

// func compress(s *states, a, b *byte, n int)
//
// The first message has its state in X1 and X2 and its words in X3 to X6, the
// second one in X8 and X9, and X10 to X13. X0 and X7 are for both: the processor
// gives each of their uses a register of its own, and so runs the four rounds of
// one message while those of the other wait.
TEXT ·compress(SB), NOSPLIT, $64-32
	MOVQ s+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	LEAQ k<>(SB), AX
	MOVOU bigEndian<>(SB), X14
	TAKE(0, X1, X2)
	TAKE(32, X8, X9)

block:
	MOVOU X1, before-64(SP)
	MOVOU X2, before-48(SP)
	MOVOU X8, before-32(SP)
	MOVOU X9, before-16(SP)

	LOAD(0(SI), X3)
	ROUNDS(0x00, X3, X1, X2)
	LOAD(0(DX), X10)
	ROUNDS(0x00, X10, X8, X9)
	LOAD(16(SI), X4)
	ROUNDS(0x10, X4, X1, X2)
	SHA256MSG1 X4, X3
	LOAD(16(DX), X11)
	ROUNDS(0x10, X11, X8, X9)
	SHA256MSG1 X11, X10
	LOAD(32(SI), X5)
	ROUNDS(0x20, X5, X1, X2)
	SHA256MSG1 X5, X4
	LOAD(32(DX), X12)
	ROUNDS(0x20, X12, X8, X9)
	SHA256MSG1 X12, X11
	LOAD(48(SI), X6)
	STEP(0x30, X5, X6, X3, X1, X2)
	LOAD(48(DX), X13)
	STEP(0x30, X12, X13, X10, X8, X9)
	STEP(0x40, X6, X3, X4, X1, X2)
	STEP(0x40, X13, X10, X11, X8, X9)
	STEP(0x50, X3, X4, X5, X1, X2)
	STEP(0x50, X10, X11, X12, X8, X9)
	STEP(0x60, X4, X5, X6, X1, X2)
	STEP(0x60, X11, X12, X13, X8, X9)
	STEP(0x70, X5, X6, X3, X1, X2)
	STEP(0x70, X12, X13, X10, X8, X9)
	STEP(0x80, X6, X3, X4, X1, X2)
	STEP(0x80, X13, X10, X11, X8, X9)
	STEP(0x90, X3, X4, X5, X1, X2)
	STEP(0x90, X10, X11, X12, X8, X9)
	STEP(0xa0, X4, X5, X6, X1, X2)
	STEP(0xa0, X11, X12, X13, X8, X9)
	STEP(0xb0, X5, X6, X3, X1, X2)
	STEP(0xb0, X12, X13, X10, X8, X9)
	STEP(0xc0, X6, X3, X4, X1, X2)
	STEP(0xc0, X13, X10, X11, X8, X9)
	STEP(0xd0, X3, X4, X5, X1, X2)
	STEP(0xd0, X10, X11, X12, X8, X9)
	STEP(0xe0, X4, X5, X6, X1, X2)
	STEP(0xe0, X11, X12, X13, X8, X9)
	ROUNDS(0xf0, X6, X1, X2)
	ROUNDS(0xf0, X13, X8, X9)

	MOVOU before-64(SP), X0
	PADDD X0, X1
	MOVOU before-48(SP), X0
	PADDD X0, X2
	MOVOU before-32(SP), X0
	PADDD X0, X8
	MOVOU before-16(SP), X0
	PADDD X0, X9

	ADDQ $64, SI
	ADDQ $64, DX
	SUBQ $64, CX
	JNE  block

	GIVE(0, X1, X2)
	GIVE(32, X8, X9)
	RET
