// SPDX-License-Identifier: LGPL-2.1-or-later
// The launcher from the agent's side: whole messages with descriptors, dispatched as the launcher does it, as root. Its
// forks are refused, as if there were too many children already, so that nothing is started: everything up to there is
// real, and so are the records that tell of the refusal. What is not exactly a message must leave nothing behind.
//
// Input, again and again: a byte for the number of descriptors, a byte for each of them that says which, two bytes for
// the length of the message, the message.
#include "agent/launcher/verbs.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KINDS 5
#define MESSAGES_MAX 16

static Launcher launcher;
static char base[] = "/tmp/corral-fuzz-XXXXXX", root[128];
static int base_fd, answers;
static bool has_tree;

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    abort();
}

static void remove_all(void) {
    char command[512];

    (void)snprintf(command, sizeof command, "rm -rf %s; [ ! -d %s ] || find %s -depth -type d -exec rmdir {} +", base,
                   root, root);
    if (system(command) != 0)
        fprintf(stderr, "not everything could be removed\n");
}

// A cgroup tree as the launcher wants it, where one can be made; greetings alone get far without one.
static void make_tree(void) {
    static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
    static const char *const parts[] = { "", "/launcher", "/jobs", "/jobs/1.1", "/jobs/1.1/1.1" };

    for (size_t i = 0; i < 2 && !has_tree; i++) {
        char path[192];

        (void)snprintf(path, sizeof path, "%s/cgroup.procs", mounts[i]);
        (void)snprintf(root, sizeof root, "%s/corral-fuzz.%d", mounts[i], getpid());
        has_tree = geteuid() == 0 && access(path, F_OK) == 0;
        for (size_t part = 0; has_tree && part < sizeof parts / sizeof *parts; part++) {
            (void)snprintf(path, sizeof path, "%s%s", root, parts[part]);
            has_tree = mkdir(path, 0755) == 0;
        }
    }
}

static void begin(void) {
    int pair[2];

    log_set_level(-1);
    if (!mkdtemp(base) || (base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        mkdirat(base_fd, "records", 0700) < 0 || mkdirat(base_fd, "output", 0700) < 0 ||
        mkdirat(base_fd, "open", 0700) < 0 || fchmodat(base_fd, "open", 0777, 0) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        fail(base);
    make_tree();
    (void)atexit(remove_all);
    answers = pair[1];
    launcher = (Launcher){ .config = { .cgroup_root = has_tree ? root : NULL, .policy = POLICY_DEFAULT },
                           .agent_fd = pair[0],
                           .listen_fd = -1,
                           .signal_fd = -1,
                           .records_fd = -1,
                           .output_fd = -1,
                           .agent_uid = geteuid(),
                           .privileged = true,
                           .n_children = UINT32_MAX, // no fork
                           .identities = IDENTITIES_NULL };
    launcher.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_kind(uint8_t kind) {
    char path[192];

    switch (kind % KINDS) {
    case 0:
        return openat(base_fd, "records", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 1:
        return openat(base_fd, "output", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 2:
        return openat(base_fd, "open", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case 3:
        (void)snprintf(path, sizeof path, "%s/jobs/1.1/1.1", has_tree ? root : base);
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    default:
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

static void drain_answers(void) {
    char answer[1 << 16];

    while (recv(answers, answer, sizeof answer, MSG_DONTWAIT) > 0)
        ;
}

// Nothing but claims and records may have been made, and there alone. They go before the next input.
static void check_files(void) {
    static const char *const names[] = { "records", "output", "open" };

    for (size_t i = 0; i < 3; i++) {
        int fd = openat(base_fd, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fdopendir(fd);
        struct dirent *entry;
        AttemptKey key;

        if (!dir)
            fail(names[i]);
        while ((entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            if (attempt_parse_file_name(entry->d_name, RECORD_SUFFIX, &key) < 0 || strcmp(names[i], "open") == 0)
                fail(entry->d_name);
            (void)unlinkat(fd, entry->d_name, 0);
        }
        (void)closedir(dir);
    }
}

// Returns how many bytes of the input were used.
static size_t play(const uint8_t *data, size_t size) {
    Packet *packet = &launcher.packet;
    size_t at = 0;

    packet->n_fds = data[at++] % (PACKET_FDS_MAX + 1);
    if (size < at + packet->n_fds + 2)
        return size;
    for (size_t i = 0; i < packet->n_fds; i++)
        packet->fds[i] = open_kind(data[at++]);
    packet->size = data[at] | (size_t)data[at + 1] << 8;
    at += 2;
    if (packet->size > size - at)
        packet->size = size - at;
    memcpy(packet->bytes, data + at, packet->size);
    int r = verb_dispatch(&launcher, packet);
    for (size_t i = 0; i < packet->n_fds; i++)
        packet->fds[i] = close_fd(packet->fds[i]);
    packet->n_fds = 0;
    if (r < 0) { // as the launcher does with a connection that has broken the protocol
        launcher.records_fd = close_fd(launcher.records_fd);
        launcher.output_fd = close_fd(launcher.output_fd);
    }
    drain_answers();
    return at + packet->size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool begun;

    if (!begun)
        begin();
    begun = true;
    for (unsigned i = 0; i < MESSAGES_MAX && size > 0; i++) {
        size_t used = play(data, size);
        data += used;
        size -= used;
    }
    launcher.records_fd = close_fd(launcher.records_fd);
    launcher.output_fd = close_fd(launcher.output_fd);
    check_files();
    return 0;
}
