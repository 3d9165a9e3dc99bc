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
    *{failed}*
    root# journalctl -q -o json JOB_ID=$failed MESSAGE_ID=cd05c1ea3b6e48829c9d737716cf09c4
    > jq() { python3 -c 'import json, sys; entry = json.load(sys.stdin); print(*(entry.get(name) for name in sys.argv[1:]))' "$@"; }
    > journalctl -q -o json JOB_ID=$failed MESSAGE_ID=cd05c1ea3b6e48829c9d737716cf09c4 |
    > jq JOB_ID CORRAL_USER CORRAL_RUN SYSLOG_IDENTIFIER _SYSTEMD_UNIT PRIORITY
    ...
    {failed} alice 1 corrald corrald.service 5
    eventually root# journalctl -q -o cat JOB_ID=$canceled
    *canceled*

The journal explains it to who asks.

    root# journalctl -q -x JOB_ID=$canceled
    ...
    * Job {canceled} of user alice was canceled by alice, or its run-time
    ...

What runs is in the status of the unit.

    alice$ corral submit -- sleep 1000
    {running}
    eventually root# systemctl show --value --property StatusText corrald.service
    1 job running, 0 queued; 1 of * slots in use

More is told when the administrator wants it.

    root# sed -i 's/^#LogLevel=.*/LogLevel=debug/' /etc/corral/corrald.conf && systemctl reload corrald
    eventually root# journalctl -q -u corrald -o cat
    ...
    *log level*debug*
    ...
    root# echo LogLevel=shrill >/etc/corral/corrald.conf; systemctl reload corrald
    eventually root# journalctl -q -u corrald -o cat
    ...
    */etc/corral/corrald.conf*shrill*
    ...
    root# systemctl is-active corrald
    active
