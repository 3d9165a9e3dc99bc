// SPDX-License-Identifier: LGPL-2.1-or-later
// Jobs and tasks among the operands of a verb.
#pragma once

#include "cli/arguments.h"
#include "cli/reference.h"

// Parses an operand that names a job or, where tasks are allowed, a task. -EINVAL, told.
int operand_reference(const Arguments *arguments, const char *text, bool tasks, Reference *ret);

// All operands; a new array of n_operands.
int operands_references(const Arguments *arguments, bool tasks, Reference **ret);

// All operands, which name jobs alone; a new array of n_operands.
int operands_jobs(const Arguments *arguments, int64_t **ret);
