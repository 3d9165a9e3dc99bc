// SPDX-License-Identifier: LGPL-2.1-or-later
// The one place with assembler: no C library wraps clone3(2), and one that returns twice into a C frame on another
// stack cannot be written in C; and the waits must not touch errno, which both processes share. The child gets a stack
// of its own so that it cannot harm the frames of the caller.
//
// A process that only shares the memory of another one is taken for a part of it: when the kernel kills it for want of
// memory, it kills both, and its OOM score is that of both. One that vfork(2) made is not. But vfork(2) stops its
// caller, who is to look at the child meanwhile: so a thread makes the child and is stopped, and has no other purpose.
#include "agent/launcher/clone.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

static long clone3_call(struct clone_args *args, void (*function)(void *), void *argument) {
    long result = SYS_clone3;
    register void (*child)(void *) __asm__("r8") = function;
    register void *child_argument __asm__("r9") = argument;

    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t" // the outermost frame
                     "movq %[argument], %%rdi\n\t"
                     "callq *%[child]\n\t"
                     "ud2\n"
                     "1:"
                     : "+a"(result)
                     : "D"(args), "S"(sizeof(*args)), [child] "r"(child), [argument] "r"(child_argument)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

static void futex_call(_Atomic uint32_t *word, int operation, uint32_t value) {
    long result = SYS_futex;
    register const void *timeout __asm__("r10") = NULL;

    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(word), "S"((long)operation), "d"((long)value), "r"(timeout)
                     : "rcx", "r11", "memory", "cc");
}

#elif defined(__aarch64__)

static long clone3_call(struct clone_args *args, void (*function)(void *), void *argument) {
    register long number __asm__("x8") = SYS_clone3;
    register long result __asm__("x0") = (long)args;
    register long size __asm__("x1") = sizeof(*args);
    register void (*child)(void *) __asm__("x10") = function;
    register void *child_argument __asm__("x11") = argument;

    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t" // the outermost frame
                     "mov x0, %[argument]\n\t"
                     "blr %[child]\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(result)
                     : "r"(number), "r"(size), [child] "r"(child), [argument] "r"(child_argument)
                     : "memory", "cc");
    return result;
}

static void futex_call(_Atomic uint32_t *word, int operation, uint32_t value) {
    register long number __asm__("x8") = SYS_futex;
    register long result __asm__("x0") = (long)word;
    register long operation_argument __asm__("x1") = operation;
    register long value_argument __asm__("x2") = (long)value;
    register const void *timeout __asm__("x3") = NULL;

    __asm__ volatile("svc #0"
                     : "+r"(result)
                     : "r"(number), "r"(operation_argument), "r"(value_argument), "r"(timeout)
                     : "memory", "cc");
}

#else
#error "clone.c has no clone3 call for this processor"
#endif

#define SPAWNER_STACK_SIZE (16u * 1024u)

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

// Both stacks, that of the child first, with a guard page below each.
int clone_stack_new(void **ret) {
    size_t guard = page_size();
    char *memory = mmap(NULL, 2 * guard + CLONE_STACK_SIZE + SPAWNER_STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) < 0 ||
        mprotect(memory + guard + CLONE_STACK_SIZE, guard, PROT_NONE) < 0)
        return -errno;
    *ret = memory + guard;
    return 0;
}

// With memory of its own the child may return into its caller's frame, so that no assembler is needed.
pid_t clone_fork(int cgroup_fd) {
    struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup_fd };

    pid_t pid = cgroup_fd < 0 ? fork() : (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    return pid < 0 ? -errno : pid;
}

// The kernel clears the word and wakes who waits for it when the child lets go of our memory (CLONE_CHILD_CLEARTID):
// when it executes a program and when it ends, however that comes.
enum {
    GATE_GONE = 0,
    GATE_PREPARING,
    GATE_READY,
    GATE_OPEN
};

// Not the private operations: the kernel's own wake-up is not one.
static uint32_t wait_while(CloneGate *gate, uint32_t state) {
    uint32_t now;

    while ((now = atomic_load(&gate->state)) == state)
        futex_call(&gate->state, FUTEX_WAIT, state);
    return now;
}

static void change(CloneGate *gate, uint32_t state) {
    atomic_store(&gate->state, state);
    futex_call(&gate->state, FUTEX_WAKE, 1);
}

typedef struct Spawn {
    struct clone_args args;
    void (*function)(void *argument);
    void *argument;
    CloneGate *gate;
    int pidfd;
    pid_t pid; // by the kernel, before the child runs
    long error;
} Spawn;

// The thread that makes the child. Once there is one, the caller goes on, and nothing here is the thread's any more:
// all that it may do is end. It has no thread-local storage of its own, so it must not touch errno.
_Noreturn static void run_spawner(void *argument) {
    Spawn *spawn = argument;

    long pid = clone3_call(&spawn->args, spawn->function, spawn->argument);
    if (pid < 0) {
        spawn->error = pid;
        change(spawn->gate, GATE_GONE);
    }
    for (;;)
        (void)syscall(SYS_exit, 0);
}

pid_t clone_into(int cgroup_fd, void *stack, void (*function)(void *argument), void *argument, CloneGate *gate,
                 int *ret_pidfd, bool *ret_ready) {
    Spawn spawn = { .function = function, .argument = argument, .gate = gate, .pidfd = -1 };
    struct clone_args thread = {
        .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
        .stack = (uintptr_t)stack + CLONE_STACK_SIZE + page_size(),
        .stack_size = SPAWNER_STACK_SIZE,
    };

    spawn.args = (struct clone_args){
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND |
                 CLONE_CHILD_CLEARTID,
        .pidfd = (uintptr_t)&spawn.pidfd,
        .parent_tid = (uintptr_t)&spawn.pid,
        .child_tid = (uintptr_t)&gate->state,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t)stack,
        .stack_size = CLONE_STACK_SIZE,
        .cgroup = (uint64_t)cgroup_fd,
    };
    atomic_store(&gate->state, GATE_PREPARING);
    long r = clone3_call(&thread, run_spawner, &spawn);
    if (r < 0)
        return (pid_t)r;
    *ret_ready = wait_while(gate, GATE_PREPARING) == GATE_READY;
    if (spawn.pid == 0)
        return (pid_t)spawn.error;
    *ret_pidfd = spawn.pidfd;
    return spawn.pid;
}

void clone_gate_pass(CloneGate *gate) {
    change(gate, GATE_READY);
    (void)wait_while(gate, GATE_READY);
}

void clone_gate_open(CloneGate *gate) {
    uint32_t ready = GATE_READY;

    // It may have ended meanwhile.
    if (atomic_compare_exchange_strong(&gate->state, &ready, GATE_OPEN))
        futex_call(&gate->state, FUTEX_WAKE, 1);
}

void clone_gate_leave(CloneGate *gate) {
    for (uint32_t state = atomic_load(&gate->state); state != GATE_GONE;)
        state = wait_while(gate, state);
}
