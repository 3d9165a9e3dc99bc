// SPDX-License-Identifier: LGPL-2.1-or-later
// Log lines on standard error, with the "<N>" prefixes of sd-daemon(3) when a service manager reads them.
// Libraries log at debug only; a fact is logged once, by whoever knows what was being attempted.
#pragma once

#include <stdbool.h>
#include <syslog.h>

// Sets the least urgent priority that is still written, LOG_ERR to LOG_DEBUG. The default is LOG_INFO.
void log_set_level(int priority);

// LOG_ERR to LOG_DEBUG from "error", "warning", "notice", "info" or "debug". -EINVAL.
int log_level_from_name(const char *name, int *ret);

// Sets what a line starts with (the program's name); borrowed, not copied.
void log_set_name(const char *name);

// Whether a line of this priority would be written; whether it would go to the journal.
bool log_is_wanted(int priority);
bool log_to_journal(void);

// Writes one line. Control characters in it are escaped. errno is preserved.
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

// Logs "<text>: <strerror(-error)>" and returns error, so that it can be the operand of return. error is a negative
// errno.
int log_errno(int priority, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
