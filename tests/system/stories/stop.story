# Stopping the unit of the jobs cancels them
[container, debian 12, debian 13]

One job runs, another waits.

    root# corral param Slots=1
    ...
    alice$ corral submit -- sh -c 'trap "" TERM; sleep 1000'
    {first}
    eventually alice$ corral list
    ...
    {first} * running *
    alice$ corral submit -- true
    {second}
    root# systemctl stop corral-jobs
    root# pgrep -u alice -x sleep
    [1]

It is on record why.

    alice$ corral show $first
    ...
    *canceled*
    ...
    *corral-jobs.service was stopped*
    ...
    alice$ corral show $second
    ...
    *queued*
    ...

The agent runs, and tells what the second job waits for.

    root# systemctl is-active corrald corral-jobs
    active
    inactive
    alice$ corral show $second
    ...
    *corral-jobs.service*
    ...
    root# journalctl -q -o cat MESSAGE_ID=93a97ece65de42169dcc8c0c6c636c9e
    ...
    /.+/

It runs when the unit does again. The first one stays what it is.

    root# systemctl start corral-jobs
    alice$ corral wait $second
    alice$ corral list --all
    ...
    {first} * canceled *
    ...

Nobody stops the jobs by killing what holds their place.

    alice$ corral submit -- sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7'
    {third}
    eventually alice$ corral list
    ...
    {third} * running *
    root# kill -9 $(systemctl show --value --property MainPID corral-jobs)
    root# systemctl is-active corral-jobs
    active
    alice$ touch /tmp/go; corral wait $third
    [7]
    eventually root# systemctl show --property MainPID corral-jobs
    MainPID=*
    ! MainPID=0
    alice$ corral run -- echo again
    again
