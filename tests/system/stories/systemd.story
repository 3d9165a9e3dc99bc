# The machines of these stories are what they should be
[container, debian 12, debian 13, bare]
[vm, debian 12, debian 13, bare, long]

Every unit that should run does, and nothing of Corral is installed.

    root# systemctl is-system-running
    running
    root# dpkg --list corral
    ...
    [1]
    root# stat -f -c %T /sys/fs/cgroup
    cgroup2fs

Its users log in like everywhere.

    alice$ id -un; pwd
    alice
    /home/alice
    alice$ systemctl --user is-active basic.target
    active
    alice$ journalctl --user --quiet --lines 1 >/dev/null; cat /root/.bashrc
    cat: /root/.bashrc: Permission denied
    [1]

A service that is killed comes back, as another process.

    root# cat >/etc/systemd/system/sleeper.service <<'END'
    > [Service]
    > ExecStart=sleep infinity
    > Restart=always
    > RestartSec=100ms
    > END
    root# systemctl daemon-reload && systemctl start sleeper && systemctl show --value --property MainPID sleeper
    {pid}
    root# kill -9 $pid
    eventually root# systemctl show --value --property NRestarts sleeper
    1
    eventually root# systemctl is-active sleeper
    active
    root# systemctl show --property MainPID sleeper
    MainPID=*
    ! MainPID={pid}
    ! MainPID=0
