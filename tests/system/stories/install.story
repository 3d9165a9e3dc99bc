# An administrator installs the packages and forgets about them
[container, debian 12, debian 13, bare]

Nothing has to be configured.

    root# dpkg --install /srv/corral/*.deb >/tmp/log 2>&1 || cat /tmp/log
    root# systemctl is-active corrald.socket corral-launcher.socket corrald.service corral-jobs.service
    active
    active
    active
    active
    root# systemctl --failed --no-legend

Everybody may talk to the agent, which has no privileges itself.

    root# stat -c '%A %U' /run/corral/io.corral
    srw-rw-rw- root
    root# grep -h ^CapPrm /proc/$(systemctl show --value --property MainPID corrald)/status
    CapPrm: 0000000000000000
    root# ps -o user= -p $(systemctl show --value --property MainPID corrald)
    corral
    root# systemd-analyze security --no-pager corrald.service | tail -n 1
    /.*: ([01]\.\d|2\.0) .*/

Alice runs her first job, as herself.

    alice$ corral run -- id -un
    alice
    alice$ corral run -- sh -c 'exit 3'
    [3]

The packages are removed. What ran is canceled, the records stay.

    alice$ corral submit -- sleep 1000
    {job}
    eventually alice$ corral list
    ...
    {job} * running *
    root# dpkg --remove corral corral-client >/tmp/log 2>&1 || cat /tmp/log
    root# pgrep -u alice -x sleep
    [1]
    root# ls -d /var/lib/corral /etc/corral /run/corral/io.corral
    ...
    ! /run/corral/io.corral
    [not 0]
    root# systemctl is-active corrald.socket corrald corral-launcher.socket corral-launcher corral-jobs
    inactive
    inactive
    inactive
    inactive
    inactive
    [not 0]
    root# systemctl --failed --no-legend

They come back, and so do the records.

    root# dpkg --install /srv/corral/*.deb >/tmp/log 2>&1 || cat /tmp/log
    eventually alice$ corral list --all
    ...
    {job} * canceled *
    ...

A purge leaves nothing.

    root# dpkg --purge corral corral-client >/tmp/log 2>&1 || cat /tmp/log
    root# ls -d /var/lib/corral /etc/corral /run/corral /run/corral-launcher 2>/dev/null
    [not 0]
