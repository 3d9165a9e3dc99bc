// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli/operands.h"

#include "cli/memory.h"

#include <stdlib.h>

int operand_reference(const Arguments *arguments, const char *text, bool tasks, Reference *ret) {
    Reference reference;

    if (reference_parse(text, &reference) < 0)
        return arguments_complain(arguments, "'%s' is no %s: give numbers from 1, such as %s", text,
                                  tasks ? "JOB[.TASK]" : "JOB", tasks ? "12 or 12.3" : "12");
    if (!tasks && reference.task > 0)
        return arguments_complain(arguments, "'%s' is a task, a job is wanted", text);
    *ret = reference;
    return 0;
}

int operands_references(const Arguments *arguments, bool tasks, Reference **ret) {
    AUTO_FREE Reference *references = memory_new(arguments->n_operands, sizeof *references);

    for (size_t i = 0; i < arguments->n_operands; i++) {
        int r = operand_reference(arguments, arguments->operands[i], tasks, &references[i]);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(references);
    return 0;
}

int operands_jobs(const Arguments *arguments, int64_t **ret) {
    AUTO_FREE Reference *references = NULL;

    int r = operands_references(arguments, false, &references);
    if (r < 0)
        return r;
    int64_t *jobs = memory_new(arguments->n_operands, sizeof *jobs);
    for (size_t i = 0; i < arguments->n_operands; i++)
        jobs[i] = references[i].job;
    *ret = jobs;
    return 0;
}
