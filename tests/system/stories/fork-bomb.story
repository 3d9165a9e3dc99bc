# A fork bomb is canceled, all of it
[vm, debian 12, debian 13, long, parallel]

Bob has two jobs that run. This machine is slow, and everything may take its time.

    root# corral param Slots=4 KillDeadline=10m
    ...
    bob$ mkfifo one two
    bob$ corral submit -- sh -c 'read go <one; exit 7'
    {seven}
    bob$ corral submit -- sh -c 'read go <two'
    {zero}
    eventually root# pgrep -u bob -x sh
    {first}
    {second}

Each process of Alice's job makes others, and tries again when it may not.

    alice$ fork-bomb >bomb && chmod +x bomb
    alice$ corral submit --file - <<'END'
    > {"limits": {"processMax": 10000}, "tasks": [{"command": ["./bomb"]}]}
    > END
    {bomb}
    eventually root# cat /sys/fs/cgroup/system.slice/corral-jobs.service/jobs/$bomb.1/pids.current
    10000

That is hard on the machine, but the others have their share of it: Bob's jobs go on, and new ones start.

    carol$ corral run -- echo works
    works
    root# pgrep -u bob -x sh
    {first}
    {second}

Root cancels it: Alice herself may be told by the kernel that she has too many processes to start another. None of
them is alive then, though PID 1 may not yet have taken note of all.

    root# corral cancel $bomb -m 'oh dear'
    {bomb} canceled: 1 task failed, 10000 processes killed; * recorded after *
    root# ps -C bomb -o state= | grep -v '[ZX]'
    [1]
    eventually root# ls -d /sys/fs/cgroup/system.slice/corral-jobs.service/jobs/$bomb.1
    ls: cannot access *: No such file or directory
    [2]
    alice$ corral show $bomb.1
    ...
    status failed
    ...
    cause jobCanceled
    ...
    processPeak *
    processesKilled 10000
    ...

Bob's jobs have not noticed: they are the same processes, and end as they should.

    root# pgrep -u bob -x sh
    {first}
    {second}
    bob$ echo go >one; corral wait $seven
    [7]
    bob$ echo go >two; corral wait $zero
    root# systemctl is-active corrald corral-launcher corral-jobs
    active
    active
    active
    root# systemctl show --value --property NRestarts corrald corral-launcher corral-jobs
    0
    0
    0
