# A cancel is total
[container, debian 12, debian 13]
[vm, debian 12, debian 13, long]

Alice starts a job that leaves its process group, its session and its parent.

    alice$ corral submit -- sh -c 'setsid sleep 1111 & (setsid sleep 2222 &) & trap "" TERM; sleep 3333'
    {job}
    eventually root# pgrep -c -x sleep
    3

Bob may not stop it.

    bob$ corral cancel $job
    ...
    [1]
    root# pgrep -c -x sleep
    3

Alice may.

    alice$ corral cancel $job -m 'enough'
    {job} canceled: 1 task failed, * processes killed; * recorded after *
    root# pgrep -x sleep
    [1]
    alice$ corral show $job
    ...
    *enough
    ...
    root# find /sys/fs/cgroup/system.slice/corral-jobs.service/jobs -mindepth 1 -type d

It is over, and stays so.

    alice$ corral cancel $job
    *{job} is canceled, which does not allow this*
    [1]
    alice$ corral list --state canceled
    ...
    {job} * canceled *
