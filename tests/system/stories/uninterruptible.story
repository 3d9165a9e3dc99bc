# What cannot be killed is told, and waited for
[vm, debian 13]
[vm, debian 12, long]

Alice's job writes to a disk that stops answering.

    root# modprobe loop && truncate --size 32M /srv/image
    root# loop=$(losetup --show --find /srv/image) && busybox mke2fs $loop >/dev/null
    > mkdir /srv/disk && mount -t ext4 $loop /srv/disk && chmod 1777 /srv/disk
    root# corral param Slots=1 KillDeadline=1s
    ...
    alice$ corral submit -- sh -c 'while :; do echo more >/srv/disk/log; done & wait'
    {job}
    eventually root# cat /srv/disk/log
    more
    root# fsfreeze --freeze /srv/disk
    eventually root# ps -u alice -o state=,pid=
    ...
    D {stuck}
    ...
    bob$ corral submit -- echo hello
    {next}

It is told that it cannot be stopped, and which process is the reason.

    alice$ corral cancel $job -m 'no answer'
    {job} canceling: 2 processes killed; *killed after *
    corral: process {stuck} (sh) cannot be killed: state D, waits in {channel}
    *{job}: the agent keeps trying; 'corral show {job}' tells how it stands
    [1]
    root# cat /proc/$stuck/wchan; grep ^State: /proc/$stuck/status
    {channel}State: D (disk sleep)
    alice$ corral show $job
    ...
    status canceling
    ...
    stuck: these processes cannot be killed
    PID *
    {stuck} * D sh {channel} *
    ...
    root# journalctl -q -o cat MESSAGE_ID=67571f8c315e408fad34097057dd5962
    job {job}: processes outlived the kill; *

Until it is gone, the job is not over, and its slot is not free; a restart of the agent changes nothing.

    root# systemctl restart corrald
    eventually alice$ corral show $job
    ...
    status canceling
    ...
    {stuck} * D sh {channel} *
    ...
    root# corral status
    ...
    slots 1
    slotsInUse 1
    ...
    bob$ corral list
    ...
    {next} * queued *
    root# cat /proc/$stuck/cgroup
    0::/system.slice/corral-jobs.service/jobs/{job}.1/1.1

The disk answers again. Nobody has to do anything more.

    root# fsfreeze --unfreeze /srv/disk
    bob$ corral wait $next && corral logs $next
    hello
    root# cat /proc/$stuck/wchan
    cat: /proc/{stuck}/wchan: No such file or directory
    [1]
    alice$ corral show $job
    ...
    status canceled
    cause jobCanceled
    errorMessage *no answer
    cancelMessage no answer
    canceledBy alice
    ...
    tasks 1: 1 failed
    ...
    ! stuck:*
    alice$ corral show $job.1
    ...
    signal 9 (KILL)
    cause jobCanceled
    ...
    alice$ corral history $job
    ...
    * unkillable *
    ...
    root# umount /srv/disk
