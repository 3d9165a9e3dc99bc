# An agent of one's own
[container, debian 12, debian 13]

Alice has an agent without asking anybody for it. Its jobs are in her own part of the cgroup tree.

    alice$ systemctl --user start corrald
    alice$ corral --user run -- id -un
    alice
    alice$ corral --user submit -- sh -c 'setsid sleep 1111 & sleep 2222'
    {job}
    eventually root# pgrep -c -u alice -x sleep
    2
    root# grep ^0:: /proc/$(pgrep -u alice -x sleep -n)/cgroup
    0::/user.slice/user-*.slice/user@*.service/*/corral-jobs.service/jobs/{job}.1/1.1
    alice$ corral --user show $job
    ...
    *running*
    ...

The agent of the system knows nothing of it, and the other way round.

    alice$ corral list --all
    JOB NAME STATUS OWNER PRIORITY TASKS CREATED ELAPSED REASON

A restart touches nothing.

    alice$ systemctl --user restart corrald
    root# pgrep -c -u alice -x sleep
    2
    alice$ corral --user cancel $job
    {job} canceled*
    root# pgrep -u alice -x sleep
    [1]

Bob has no business with it.

    bob$ ls /run/user/$(id -u alice)/corral
    ...
    [not 0]

Stopping the jobs' unit cancels them.

    alice$ corral --user submit -- sleep 1111
    {next}
    eventually root# pgrep -c -u alice -x sleep
    1
    alice$ systemctl --user stop corral-jobs
    root# pgrep -u alice -x sleep
    [1]
    alice$ corral --user show $next
    ...
    *corral-jobs.service was stopped*
    ...
    alice$ systemctl --user start corral-jobs; corral --user run -- sh -c 'exit 5'
    [5]
