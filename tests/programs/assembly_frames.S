/* SPDX-License-Identifier: BSD-2-Clause */
/* assembly_frames.S -- Frames that compilers do not make: called with a function and a size. */
	.section .note.GNU-stack, "", %progbits
	.text

#if defined(__x86_64__)
/* rsp moves, CFI follows. */
	.globl	call_with_cfi
	.type	call_with_cfi, @function
call_with_cfi:
	.cfi_startproc
	subq	$24, %rsp
	.cfi_adjust_cfa_offset 24
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	addq	$24, %rsp
	.cfi_adjust_cfa_offset -24
	ret
	.cfi_endproc
	.size	call_with_cfi, . - call_with_cfi

/* rbp holds something that looks like an address on this stack and is not a frame. */
	.globl	call_with_rbp_as_data
	.type	call_with_rbp_as_data, @function
call_with_rbp_as_data:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	leaq	-4096(%rsp), %rbp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	call_with_rbp_as_data, . - call_with_rbp_as_data

/* The stack is realigned and the CFA is an expression: the word below the saved rbx
 * DW_CFA_def_cfa_expression, 3 bytes: DW_OP_breg6 (rbp) 16 -- as an expression, not as rbp + 16. */
	.globl	call_with_expression
	.type	call_with_expression, @function
call_with_expression:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_escape 0x0f, 2, 0x76, 16
	andq	$-64, %rsp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	movq	%rbp, %rsp
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	call_with_expression, . - call_with_expression

/* Nobody can know where the caller is. */
	.globl	call_without_cfi
	.type	call_without_cfi, @function
call_without_cfi:
	subq	$40, %rsp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	addq	$40, %rsp
	ret
	.size	call_without_cfi, . - call_without_cfi

#elif defined(__aarch64__)
	.macro	frame name
	.globl	\name
	.type	\name, %function
\name:
	.endm

	frame	call_with_cfi
	.cfi_startproc
	stp	x29, x30, [sp, -32]!
	.cfi_adjust_cfa_offset 32
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x9, x0
	mov	x0, x1
	blr	x9
	ldp	x29, x30, [sp], 32
	.cfi_adjust_cfa_offset -32
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	call_with_cfi, . - call_with_cfi

/* x29 holds something that looks like an address on this stack and is not a frame. */
	frame	call_with_rbp_as_data
	.cfi_startproc
	stp	x29, x30, [sp, -16]!
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	sub	x29, sp, 4096
	mov	x9, x0
	mov	x0, x1
	blr	x9
	ldp	x29, x30, [sp], 16
	.cfi_adjust_cfa_offset -16
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	call_with_rbp_as_data, . - call_with_rbp_as_data

/* The CFA is an expression: DW_OP_breg29 (x29) 16. */
	frame	call_with_expression
	.cfi_startproc
	stp	x29, x30, [sp, -16]!
	.cfi_adjust_cfa_offset 16
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	mov	x29, sp
	.cfi_escape 0x0f, 2, 0x8d, 16
	sub	sp, sp, 64
	mov	x9, x0
	mov	x0, x1
	blr	x9
	mov	sp, x29
	ldp	x29, x30, [sp], 16
	.cfi_def_cfa sp, 0
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
	.size	call_with_expression, . - call_with_expression

/* Nobody can know where the caller is. */
	frame	call_without_cfi
	sub	sp, sp, 48
	str	x30, [sp, 40]
	mov	x9, x0
	mov	x0, x1
	blr	x9
	ldr	x30, [sp, 40]
	add	sp, sp, 48
	ret
	.size	call_without_cfi, . - call_without_cfi
#else
#error "no frames for this machine"
#endif
