# An agent that hangs is replaced
[container, debian 12, debian 13]

    root# mkdir /etc/systemd/system/corrald.service.d
    > printf '[Service]\nWatchdogSec=2s\n' >/etc/systemd/system/corrald.service.d/watchdog.conf
    > systemctl daemon-reload && systemctl restart corrald
    alice$ corral submit -- sh -c 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 7'
    {job}
    eventually alice$ corral list
    ...
    {job} * running *
    root# kill -STOP $(systemctl show --value --property MainPID corrald)
    eventually root# systemctl show --value --property NRestarts corrald
    1

The next agent knows the job, which has not noticed.

    alice$ corral list
    ...
    {job} * running *
    alice$ touch /tmp/go; corral wait $job
    [7]
    root# journalctl -q -u corrald -o cat
    ...
    corrald.service: Watchdog timeout *
    ...
