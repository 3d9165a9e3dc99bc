// SPDX-License-Identifier: LGPL-2.1-or-later
// The process that keeps the jobs' unit, and with it their part of the cgroup tree, alive while no job runs.
#pragma once

// Makes <root>/launcher and <root>/jobs, goes into the first one so that root is free of processes, tells the service
// manager that it is ready, and waits for SIGTERM. root is the cgroup of the calling process, and found when it is
// NULL. Returns the exit status of the program.
int keeper_run(const char *root);
