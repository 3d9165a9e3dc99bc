// SPDX-License-Identifier: LGPL-2.1-or-later
#include "agent/users.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/shortage.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 32
#define LIFETIME (30 * USEC_PER_SEC)
#define BUFFER_FIRST 1024u
#define BUFFER_LAST (1024u * 1024u)
#define GROUPS_MAX 65536 // NGROUPS_MAX of Linux
#define SPARE_FDS 8      // more than a look-up needs: without one the database looks as if it knew nobody
#define GID_NOBODY 65534 // the kernel's overflow gid: gives access to nothing

typedef struct Entry {
    User user;
    char *name, *home, *shell;
    gid_t *groups;
    uint64_t expires; // CLOCK_BOOTTIME; 0: not in use
} Entry;

typedef struct GroupEntry {
    char *name;
    gid_t gid;
    int result;
    uint64_t expires;
} GroupEntry;

static Entry entries[ENTRIES];
static GroupEntry group_entry; // the one name that is asked for: that of the administrators' group

// ---- the database ----

// What the functions of getpwnam_r(3) return when there is no entry: 0 without a result, or one of these.
static bool means_not_found(int error) {
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

// Looks up by name, or by uid when name is NULL. The strings of ret live in ret_buffer, which the caller frees.
static int look_up(const char *name, uid_t uid, struct passwd *ret, char **ret_buffer) {
    int r = shortage_check_descriptors(SPARE_FDS);
    if (r < 0)
        return r;
    for (size_t size = BUFFER_FIRST; size <= BUFFER_LAST; size *= 2) {
        AUTO_FREE char *buffer = malloc(size);
        struct passwd *found = NULL;
        if (!buffer)
            return -ENOMEM;
        int error = name ? getpwnam_r(name, ret, buffer, size, &found) : getpwuid_r(uid, ret, buffer, size, &found);
        if (found) {
            *ret_buffer = TAKE_PTR(buffer);
            return 0;
        }
        if (means_not_found(error))
            return -ENOENT;
        if (error != ERANGE && error != EINTR)
            return -error;
    }
    return -ERANGE;
}

static int read_groups(const char *name, gid_t gid, gid_t **ret, size_t *ret_n) {
    int n = 32;

    for (;;) {
        AUTO_FREE gid_t *groups = calloc((size_t)n, sizeof *groups);
        int room = n;
        if (!groups)
            return -ENOMEM;
        if (getgrouplist(name, gid, groups, &n) >= 0) {
            *ret = TAKE_PTR(groups);
            *ret_n = (size_t)n;
            return 0;
        }
        if (n <= room)
            n = 2 * room; // it does not say how many
        if (n > GROUPS_MAX)
            return -E2BIG;
    }
}

// ---- the cache ----

static void entry_deinit(Entry *entry) {
    free(entry->name);
    free(entry->home);
    free(entry->shell);
    free(entry->groups);
    *entry = (Entry){ 0 };
}

static int entry_finish(Entry *entry, uid_t uid, gid_t gid, bool known) {
    if (!entry->name || !entry->home || !entry->shell || !entry->groups) {
        entry_deinit(entry);
        return -ENOMEM;
    }
    entry->user.uid = uid;
    entry->user.gid = gid;
    entry->user.known = known;
    entry->user.name = entry->name;
    entry->user.home = entry->home;
    entry->user.shell = entry->shell;
    entry->user.groups = entry->groups;
    entry->expires = clock_boottime() + LIFETIME;
    return 0;
}

static int fill_known(Entry *entry, const struct passwd *found) {
    int r = read_groups(found->pw_name, found->pw_gid, &entry->groups, &entry->user.n_groups);
    if (r < 0)
        return r;
    entry->name = strdup(found->pw_name);
    entry->home = strdup(found->pw_dir && found->pw_dir[0] == '/' ? found->pw_dir : "/");
    entry->shell = strdup(found->pw_shell && found->pw_shell[0] ? found->pw_shell : "/bin/sh");
    return entry_finish(entry, found->pw_uid, found->pw_gid, true);
}

static int fill_unknown(Entry *entry, uid_t uid) {
    if (asprintf(&entry->name, "%u", (unsigned)uid) < 0)
        entry->name = NULL;
    entry->home = strdup("/");
    entry->shell = strdup("/bin/sh");
    entry->groups = calloc(1, sizeof *entry->groups);
    if (entry->groups)
        entry->groups[0] = GID_NOBODY;
    entry->user.n_groups = 1;
    return entry_finish(entry, uid, GID_NOBODY, false);
}

static Entry *find_uid(uid_t uid, uint64_t now) {
    for (size_t i = 0; i < ENTRIES; i++)
        if (entries[i].expires > now && entries[i].user.uid == uid)
            return &entries[i];
    return NULL;
}

static Entry *find_name(const char *name, uint64_t now) {
    for (size_t i = 0; i < ENTRIES; i++)
        if (entries[i].expires > now && entries[i].user.known && strcmp(entries[i].name, name) == 0)
            return &entries[i];
    return NULL;
}

// The entry that ends first, emptied.
static Entry *take_oldest(void) {
    Entry *oldest = &entries[0];

    for (size_t i = 1; i < ENTRIES; i++)
        if (entries[i].expires < oldest->expires)
            oldest = &entries[i];
    entry_deinit(oldest);
    return oldest;
}

int user_by_uid(uid_t uid, const User **ret) {
    Entry *entry = find_uid(uid, clock_boottime());
    AUTO_FREE char *buffer = NULL;
    struct passwd found;

    if (!entry) {
        int r = look_up(NULL, uid, &found, &buffer);
        if (r < 0 && r != -ENOENT)
            return r;
        entry = take_oldest();
        r = r < 0 ? fill_unknown(entry, uid) : fill_known(entry, &found);
        if (r < 0)
            return r;
    }
    *ret = &entry->user;
    return 0;
}

static int by_number(const char *text, const User **ret) {
    const User *user;
    uint64_t uid;

    if (parse_uint64(text, &uid) < 0 || uid >= UINT32_MAX)
        return -ENOENT;
    int r = user_by_uid((uid_t)uid, &user);
    if (r < 0)
        return r;
    if (!user->known)
        return -ENOENT;
    *ret = user;
    return 0;
}

int user_by_name(const char *name, const User **ret) {
    Entry *entry = find_name(name, clock_boottime());
    AUTO_FREE char *buffer = NULL;
    struct passwd found;

    if (!entry) {
        int r = look_up(name, 0, &found, &buffer);
        if (r == -ENOENT)
            return by_number(name, ret);
        if (r < 0)
            return r;
        entry = take_oldest();
        r = fill_known(entry, &found);
        if (r < 0)
            return r;
    }
    *ret = &entry->user;
    return 0;
}

static int look_up_group(const char *name, gid_t *ret) {
    int r = shortage_check_descriptors(SPARE_FDS);
    if (r < 0)
        return r;
    for (size_t size = BUFFER_FIRST; size <= BUFFER_LAST; size *= 2) {
        AUTO_FREE char *buffer = malloc(size);
        struct group group, *found = NULL;
        if (!buffer)
            return -ENOMEM;
        int error = getgrnam_r(name, &group, buffer, size, &found);
        if (found) {
            *ret = group.gr_gid;
            return 0;
        }
        if (means_not_found(error))
            return -ENOENT;
        if (error != ERANGE && error != EINTR)
            return -error;
    }
    return -ERANGE;
}

int group_by_name(const char *name, gid_t *ret) {
    GroupEntry *entry = &group_entry;
    uint64_t now = clock_boottime();

    if (entry->expires <= now || strcmp(entry->name, name) != 0) {
        char *copy = strdup(name);
        if (!copy)
            return -ENOMEM;
        free(entry->name);
        entry->name = copy;
        entry->result = look_up_group(name, &entry->gid);
        entry->expires = is_shortage(entry->result) ? 0 : now + LIFETIME;
    }
    if (entry->result >= 0)
        *ret = entry->gid;
    return entry->result;
}
