# The machine is rebooted, and nothing is forgotten
[vm, debian 13]
[vm, debian 12, long]

Some jobs are over, in each of the ways in which one can be, and one is not yet submitted.

    root# corral param Slots=3
    ...
    alice$ corral submit --wait -- true
    {finished}
    alice$ corral submit --wait -- sh -c 'exit 3'
    {failed}
    [3]
    alice$ corral submit -- sleep 1000
    {canceled}
    alice$ corral cancel $canceled -m 'not today'
    {canceled} canceled*
    alice$ corral new -- sh -c 'echo new >>log'
    {new}

Of this job, a task is over, another runs, and a third waits. The log tells what has been started, and how often.

    alice$ cat >task <<'END'
    > echo $CORRAL_TASK_ID.$CORRAL_ATTEMPT >>log
    > [ $CORRAL_TASK_ID.$CORRAL_ATTEMPT != 2.1 ] || exec sleep 1000
    > END
    alice$ task='{"command": ["sh", "task"]}'
    > echo "{\"maxSlots\": 1, \"tasks\": [$task, $task, $task]}" | corral submit --file -
    {again}

This one ends with success when it is asked to, but it may not run twice.

    alice$ cat >orderly <<'END'
    > trap 'echo asked >>orderly.log; exit 0' TERM
    > echo ready >>orderly.log
    > while :; do sleep 0.2; done
    > END
    alice$ echo '{"tasks": [{"command": ["sh", "orderly"], "rerunnable": false}]}' | corral submit --file -
    {once}

Another is being canceled, and takes its time.

    alice$ cat >slow <<'END'
    > trap 'trap - TERM; echo asked >>slow.log' TERM
    > echo ready >>slow.log
    > while :; do sleep 0.2; done
    > END
    alice$ corral submit -- sh slow
    {slow}
    eventually alice$ cat slow.log orderly.log log
    ready
    ready
    1.1
    2.1
    alice$ corral cancel $slow --grace 1h --no-wait -m 'take your time'
    {slow} canceling
    eventually alice$ cat slow.log
    ready
    asked

The last one finds no slot.

    alice$ corral submit -- sh -c 'echo waited >>waited.log'
    {queued}
    alice$ corral list
    ...
    {new} * notSubmitted *
    {again} * running *
    {once} * running *
    {slow} * canceling *
    {queued} * queued *
    root# cat /proc/sys/kernel/random/boot_id
    {boot}
    machine! reboot

What waited has run before anybody asks. The task that was interrupted has been run again, and the one that was over has
not.

    eventually root# cat /home/alice/log /home/alice/waited.log
    1.1
    2.1
    2.2
    3.1
    waited
    root# cat /proc/sys/kernel/random/boot_id
    ! {boot}
    alice$ corral wait $again $queued
    alice$ corral show $again
    ...
    status finished
    ...
    tasks 3: 3 finished
    ...
    alice$ corral show $again.2
    ...
    attempt 1
    run 1
    status failed
    cause hostRestarted
    errorMessage the machine went down while it ran; the task is queued again
    ...
    attempt 2
    run 1
    status finished
    cause exited
    exitCode 0
    ...

The one that may not run twice has failed. The shutdown has asked it to end, but how it did nobody knows for sure.

    alice$ cat orderly.log
    ready
    asked
    alice$ corral wait $once
    corral: task {once}.1 failed: hostRestarted: the machine went down while it ran
    [1]
    alice$ corral show $once.1
    ...
    status failed
    ...
    cause hostRestarted
    errorMessage the machine went down while it ran
    ...
    ! exitCode *
    ! attempt 2
    root# journalctl -q -o cat MESSAGE_ID=cae62b7517c145a79e561f787909bb54
    job {again} task 2: the machine went down while it ran; the task is queued again
    job {once} task 1: the machine went down while it ran

What was to be canceled is.

    alice$ corral show $slow
    ...
    status canceled
    ...
    cancelMessage take your time
    canceledBy alice
    ...
    1 - failed - jobCanceled *

All others are what they were.

    alice$ corral list --all
    ...
    {finished} * finished *
    {failed} * failed *
    {canceled} * canceled *not today
    {new} * notSubmitted *
    {again} * finished *
    {once} * failed *
    {slow} * canceled *
    {queued} * finished *
    alice$ corral submit --wait --id $new && tail -n 1 log
    {new}
    new
