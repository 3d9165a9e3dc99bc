# The agent starts when somebody talks to it
[container, debian 12, debian 13]

    root# systemctl stop corrald.service; systemctl is-active corrald.service
    ...
    inactive
    [3]
    alice$ corral run -- echo hello
    hello
    root# systemctl is-active corrald.service
    active

It comes back when it is killed, and Alice's job does not notice.

    alice$ corral submit -- sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7'
    {job}
    eventually alice$ corral list
    ...
    {job} * running *
    root# kill -9 $(systemctl show --value --property MainPID corrald)
    eventually root# systemctl is-active corrald.service
    active
    alice$ corral list
    ...
    {job} * running *
    alice$ touch /tmp/go; corral wait $job
    [7]
