# What an administrator searches for is in the journal
[container, debian 12, debian 13]

Alice's job fails, and another is canceled.

    alice$ corral submit -- sh -c 'exit 3'
    {failed}
    alice$ corral wait $failed
    [3]
    alice$ corral submit -- sleep 1000
    {canceled}
    alice$ corral cancel $canceled -m enough
    {canceled} canceled*

Each has a message with an id, which says what has happened to whom.

    eventually root# journalctl -q -o cat MESSAGE_ID=cd05c1ea3b6e48829c9d737716cf09c4
    job {failed}: 1 of 1 tasks failed
    root# journalctl -q -o verbose MESSAGE_ID=cd05c1ea3b6e48829c9d737716cf09c4 |
    > grep -Eo '(JOB_ID|CORRAL_.*|PRIORITY)=.*' | sort
    CORRAL_CAUSE=taskFailed
    CORRAL_RUN=1
    CORRAL_USER=alice
    JOB_ID={failed}
    PRIORITY=5
    eventually root# journalctl -q -o cat -t corrald JOB_ID=$canceled
    job {canceled}: canceled by alice: enough

The journal explains it to who asks.

    root# journalctl -q -x -t corrald JOB_ID=$canceled
    ...
    *Job {canceled} of user alice was canceled by alice, or its run-time
    ...

What runs is in the status of the unit.

    alice$ corral submit -- sleep 1000
    {running}
    eventually root# systemctl show --value --property StatusText corrald.service
    1 job running, 0 queued; 1 of * slots in use

More is told when the administrator wants it.

    root# sed -i 's/^#LogLevel=.*/LogLevel=debug/' /etc/corral/corrald.conf && systemctl reload corrald
    alice$ corral run -- true
    eventually root# journalctl -q -u corrald -o cat -p debug..debug
    ...
    /.+/
    ...
    root# echo LogLevel=shrill >/etc/corral/corrald.conf; systemctl reload corrald
    eventually root# journalctl -q -u corrald -o cat
    ...
    /etc/corral/corrald.conf: line 1: LogLevel has to be error, warning, notice, info or debug: Invalid argument
    ...
    root# systemctl is-active corrald
    active
