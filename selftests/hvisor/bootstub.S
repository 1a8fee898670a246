/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QEMU takes for a kernel: the header of an arm64 Image, and a jump to the
 * hypervisor, which run.sh has loaded where it wants to be. QEMU's boot of a
 * kernel is what makes EL2, PSCI by SMC and the interrupt groups, as a board's
 * firmware would.
 */
	.text
	b	1f
	.long	0
	.quad	0x80000			/* offset from the start of RAM */
	.quad	end - .text		/* image size */
	.quad	0xa			/* little endian, 4 KiB pages */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
1:	ldr	x16, =0x40400000
	br	x16
	.ltorg
end:
