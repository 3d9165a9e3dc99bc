// SPDX-License-Identifier: LGPL-2.1-or-later
// Which fields of the objects of the interface are shown one a line, in which order and form.
#pragma once

#include "cli/format.h"

extern const Field job_fields[];
extern const size_t n_job_fields;
extern const Field task_fields[];
extern const size_t n_task_fields;
extern const Field attempt_fields[];
extern const size_t n_attempt_fields;
extern const Field status_fields[];
extern const size_t n_status_fields;
extern const Field self_test_fields[];
extern const size_t n_self_test_fields;
