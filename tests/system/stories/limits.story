# The kernel enforces what a job may use
[vm, debian 13]
[vm, debian 12, long]

The agent has no privileges, and yet it limits jobs: their part of the cgroup tree is its own.

    root# corral status
    ...
    controllers cpu memory pids
    ...

Alice's job may have 64 MiB of memory, and wants more.

    alice$ corral submit --file - <<'END'
    > {
    >   "limits": {"memoryMax": 67108864},
    >   "tasks": [{"command": ["python3", "-c", "b'x' * (200 << 20)"]}]
    > }
    > END
    {greedy}
    alice$ corral wait $greedy
    corral: task {greedy}.1 failed: outOfMemory: killed by the kernel: out of memory
    [137]

It is on record what has killed it, and how much memory it had.

    alice$ corral show $greedy.1
    ...
    status failed
    ...
    signal 9 (KILL)
    cause outOfMemory
    errorMessage killed by the kernel: out of memory
    ...
    /memoryPeak 6\d\.\d MiB/
    ...
    alice$ corral show $greedy
    ...
    * failed * outOfMemory *
    root# journalctl -q -o cat MESSAGE_ID=5d2559cacb9d4cc18ace061701116b76
    job {greedy} task 1: killed by the kernel: out of memory
    root# journalctl -q -x MESSAGE_ID=5d2559cacb9d4cc18ace061701116b76
    ...
    *Subject: A task of job {greedy} ran out of memory
    ...
    *"corral show {greedy}.1" tells how much it had at most.*
    ...

What ends by itself is not out of memory, though the kernel has killed a part of it.

    alice$ corral submit --file - <<'END'
    > {
    >   "limits": {"memoryMax": 67108864},
    >   "tasks": [{"command": ["sh", "-c", "python3 -c 'b\"x\" * (200 << 20)'; echo $?; exit 3"]}]
    > }
    > END
    {survivor}
    alice$ corral wait $survivor
    [3]
    alice$ corral logs $survivor
    137
    alice$ corral show $survivor.1
    ...
    exitCode 3
    cause exited
    ...

The limit is that of the whole job: there is room for one of these tasks, not for both.

    alice$ cat >task.py <<'END'
    > import os, time
    > memory = b'x' * (40 << 20)
    > while not os.path.exists('enough'):
    >     time.sleep(0.1)
    > END
    alice$ corral submit --file - <<'END'
    > {
    >   "limits": {"memoryMax": 67108864},
    >   "tasks": [{"command": ["python3", "task.py"]}, {"command": ["python3", "task.py"]}]
    > }
    > END
    {pair}
    eventually alice$ corral show $pair | grep -o 'failed .* outOfMemory'
    failed * outOfMemory
    alice$ corral show $pair | grep '^tasks '
    tasks 2: 1 running, 1 failed
    alice$ touch enough; corral wait $pair
    corral: task {pair}.* failed: outOfMemory: killed by the kernel: out of memory
    [137]
    alice$ corral show $pair | grep '^tasks '
    tasks 2: 1 finished, 1 failed

A job that may have three processes cannot fork a fourth.

    alice$ corral submit --file - <<'END'
    > {
    >   "limits": {"processMax": 3},
    >   "tasks": [{"command": ["sh", "-c", "sleep 1000 & sleep 1000 & echo three; sleep 1000 & echo four"]}]
    > }
    > END
    {crowd}
    alice$ corral wait $crowd
    [2]
    alice$ corral logs $crowd; corral logs --stderr $crowd
    three
    *annot fork
    root# pgrep -u alice -x sleep
    [1]

A job that may have a twentieth of a processor is halted again and again.

    alice$ corral submit --file - <<'END'
    > {
    >   "limits": {"cpuMax": 5},
    >   "tasks": [{"command": ["sh", "-c", "while :; do :; done"]}]
    > }
    > END
    {slow}
    eventually root# cat /sys/fs/cgroup/system.slice/corral-jobs.service/jobs/$slow.1/cpu.stat
    ...
    nr_throttled *
    ! nr_throttled 0
    ...
    root# cat /sys/fs/cgroup/system.slice/corral-jobs.service/jobs/$slow.1/cpu.max
    5000 100000
    alice$ corral cancel $slow
    {slow} canceled: 1 task failed, 1 process killed*

Nothing of this has disturbed anybody else.

    root# systemctl is-active corrald corral-launcher corral-jobs
    active
    active
    active
    root# systemctl show --property NRestarts corrald corral-launcher corral-jobs
    NRestarts=0
    NRestarts=0
    NRestarts=0
