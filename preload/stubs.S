/* SPDX-License-Identifier: BSD-2-Clause */
/* stubs.S -- What C cannot say: passing a call on without a frame, starting a thread, ending a signal.
 *
 * The replaced functions must not show in anybody's stack: __libc_start_main would be below main in
 * all of them, syscall may be asked for a vfork, which returns twice, and operators new and delete
 * mostly are none of our business. */
#include <asm/unistd.h>

    .hidden real
    .hidden lifecycle_before_main
    .hidden interpose_syscall
    .hidden operators_targets
    .hidden operators_find

/* All operators new and delete, by the numbers of operators.c. */
.macro operators
    operator _Znwm 0
    operator _Znam 1
    operator _ZnwmRKSt9nothrow_t 2
    operator _ZnamRKSt9nothrow_t 3
    operator _ZnwmSt11align_val_t 4
    operator _ZnamSt11align_val_t 5
    operator _ZnwmSt11align_val_tRKSt9nothrow_t 6
    operator _ZnamSt11align_val_tRKSt9nothrow_t 7
    operator _ZdlPv 8
    operator _ZdaPv 9
    operator _ZdlPvm 10
    operator _ZdaPvm 11
    operator _ZdlPvRKSt9nothrow_t 12
    operator _ZdaPvRKSt9nothrow_t 13
    operator _ZdlPvSt11align_val_t 14
    operator _ZdaPvSt11align_val_t 15
    operator _ZdlPvmSt11align_val_t 16
    operator _ZdaPvmSt11align_val_t 17
    operator _ZdlPvSt11align_val_tRKSt9nothrow_t 18
    operator _ZdaPvSt11align_val_tRKSt9nothrow_t 19
.endm

#if defined(__x86_64__)

#define REAL_START_MAIN real(%rip)
#define REAL_SYSCALL 8 + real(%rip)

.macro save register
    push \register
    .cfi_adjust_cfa_offset 8
.endm

.macro restore register
    pop \register
    .cfi_adjust_cfa_offset -8
.endm

    .text

/* int __libc_start_main(main, argc, argv, init, fini, rtld_fini, stack_end) */
    .globl __libc_start_main
    .type __libc_start_main, @function
__libc_start_main:
    .cfi_startproc
    save %rdi
    save %rsi
    save %rdx
    save %rcx
    save %r8
    save %r9
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    call lifecycle_before_main
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    restore %r9
    restore %r8
    restore %rcx
    restore %rdx
    restore %rsi
    restore %rdi
    jmp *REAL_START_MAIN
    .cfi_endproc
    .size __libc_start_main, . - __libc_start_main

/* long syscall(number, ...): those for which a second thread matters take the way through C. */
    .globl syscall
    .type syscall, @function
syscall:
    .cfi_startproc
    cmp $__NR_seccomp, %rdi
    je 1f
    cmp $__NR_prctl, %rdi
    je 1f
    cmp $__NR_unshare, %rdi
    je 1f
    cmp $__NR_setns, %rdi
    je 1f
    cmp $__NR_capset, %rdi
    je 1f
    cmp $__NR_exit, %rdi
    je 1f
    mov REAL_SYSCALL, %r11
    test %r11, %r11
    jz 1f
    jmp *%r11
1:  jmp interpose_syscall
    .cfi_endproc
    .size syscall, . - syscall

/* The number is a fourth argument, which the real ones do not look at. */
.macro operator name number
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    mov $\number, %ecx
    mov operators_targets + 8 * \number(%rip), %r11
    test %r11, %r11
    jz operator_unknown
    jmp *%r11
    .cfi_endproc
    .size \name, . - \name
.endm
    operators

    .type operator_unknown, @function
operator_unknown:
    .cfi_startproc
    save %rdi
    save %rsi
    save %rdx
    save %rcx
    sub $8, %rsp
    .cfi_adjust_cfa_offset 8
    mov %ecx, %edi
    call operators_find
    add $8, %rsp
    .cfi_adjust_cfa_offset -8
    restore %rcx
    restore %rdx
    restore %rsi
    restore %rdi
    jmp *%rax
    .cfi_endproc
    .size operator_unknown, . - operator_unknown

/* long stub_clone(flags, stack_top, tid, run) */
    .globl stub_clone
    .hidden stub_clone
    .type stub_clone, @function
stub_clone:
    .cfi_startproc
    mov %rcx, %r9 /* the kernel keeps it, but not rcx */
    mov %rdx, %r10
    xor %r8d, %r8d
    mov $__NR_clone, %eax
    syscall
    test %rax, %rax
    jz 1f
    ret
1:  .cfi_undefined rip
    xor %ebp, %ebp
    call *%r9
    mov %eax, %edi
    mov $__NR_exit, %eax
    syscall
    hlt
    .cfi_endproc
    .size stub_clone, . - stub_clone

/* No unwind table, and these very bytes: so unwinders and debuggers know what it is. */
    .globl stub_sigreturn
    .hidden stub_sigreturn
    .type stub_sigreturn, @function
    nop
stub_sigreturn:
    mov $__NR_rt_sigreturn, %rax
    syscall
    .size stub_sigreturn, . - stub_sigreturn

#elif defined(__aarch64__)

    .text

    .globl __libc_start_main
    .type __libc_start_main, %function
__libc_start_main:
    .cfi_startproc
    hint #34 /* bti c */
    stp x29, x30, [sp, #-80]!
    .cfi_def_cfa_offset 80
    .cfi_offset x29, -80
    .cfi_offset x30, -72
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    str x6, [sp, #64]
    bl lifecycle_before_main
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldr x6, [sp, #64]
    ldp x29, x30, [sp], #80
    .cfi_restore x29
    .cfi_restore x30
    .cfi_def_cfa_offset 0
    adrp x16, real
    ldr x16, [x16, :lo12:real]
    br x16
    .cfi_endproc
    .size __libc_start_main, . - __libc_start_main

    .globl syscall
    .type syscall, %function
syscall:
    .cfi_startproc
    hint #34
    cmp x0, #__NR_seccomp
    b.eq 1f
    cmp x0, #__NR_prctl
    b.eq 1f
    cmp x0, #__NR_unshare
    b.eq 1f
    cmp x0, #__NR_setns
    b.eq 1f
    cmp x0, #__NR_capset
    b.eq 1f
    cmp x0, #__NR_exit
    b.eq 1f
    adrp x16, real
    add x16, x16, :lo12:real
    ldr x16, [x16, #8]
    cbz x16, 1f
    br x16
1:  b interpose_syscall
    .cfi_endproc
    .size syscall, . - syscall

.macro operator name number
    .globl \name
    .type \name, %function
\name:
    .cfi_startproc
    hint #34
    mov w3, #\number
    adrp x16, operators_targets
    add x16, x16, :lo12:operators_targets
    ldr x16, [x16, #8 * \number]
    cbz x16, operator_unknown
    br x16
    .cfi_endproc
    .size \name, . - \name
.endm
    operators

    .type operator_unknown, %function
operator_unknown:
    .cfi_startproc
    stp x29, x30, [sp, #-48]!
    .cfi_def_cfa_offset 48
    .cfi_offset x29, -48
    .cfi_offset x30, -40
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    mov w0, w3
    bl operators_find
    mov x16, x0
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x29, x30, [sp], #48
    .cfi_restore x29
    .cfi_restore x30
    .cfi_def_cfa_offset 0
    br x16
    .cfi_endproc
    .size operator_unknown, . - operator_unknown

/* The kernel's order here is flags, stack, parent's tid, TLS, child's tid. */
    .globl stub_clone
    .hidden stub_clone
    .type stub_clone, %function
stub_clone:
    .cfi_startproc
    mov x5, x3
    mov x4, x2
    mov x3, xzr
    mov x8, #__NR_clone
    svc #0
    cbz x0, 1f
    ret
1:  .cfi_undefined x30
    mov x29, xzr
    mov x30, xzr
    blr x5
    mov x8, #__NR_exit
    svc #0
    brk #0
    .cfi_endproc
    .size stub_clone, . - stub_clone

#endif

    .section .note.GNU-stack, "", %progbits
