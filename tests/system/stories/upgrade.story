# The packages are upgraded while a hundred jobs run and others come all the time
[container, debian 12, debian 13]

Each of the hundred waits until it may end, and has an exit status of its own.

    root# corral param Slots=110
    ...
    root# mkdir -m 777 /srv/work; touch /srv/work/gate
    > systemd-run --quiet --unit gate flock /srv/work/gate sleep infinity
    root# until ! flock --shared --nonblock /srv/work/gate true; do sleep 0.1; done
    alice$ cd /srv/work; for code in $(seq 100); do
    > echo "$(corral submit -- sh -c "flock --shared gate true; exit $code") $code"; done >jobs; wc -l <jobs
    100
    eventually alice$ corral list --state running | grep -c running
    100
    root# pgrep -u alice -x flock >/srv/work/running; wc -l </srv/work/running
    100

Meanwhile others are submitted, by a loop that ends as soon as one is refused.

    root# cat >/srv/work/loop <<'END'
    > cd /srv/work; number=0
    > while [ ! -e enough ] && job=$(corral submit -- sh -c "echo >>started.$number; exit $((number % 7))"); do
    > echo $job $((number % 7)); number=$((number + 1)); done
    > echo the end
    > END
    root# systemd-run --quiet --unit loop --uid alice sh -c "exec sh /srv/work/loop >/srv/work/more 2>/srv/work/refused"
    eventually root# [ $(wc -l </srv/work/more) -gt 10 ]

This is the version now.

    root# dpkg-query --show --showformat '${Version}' corral
    {version}
    root# systemctl show --value --property MainPID corral-jobs
    {keeper}
    root# systemctl show --value --property MainPID corrald
    {agent}
    root# systemctl show --value --property MainPID corral-launcher
    {launcher}

A later one is installed, while all of this goes on.

    root# dpkg --install /srv/corral/next/*.deb >/tmp/log 2>&1 || cat /tmp/log
    root# dpkg-query --show --showformat '${Version}' corral
    {version}+next

Agent and launcher are the new ones. What holds the jobs is not touched, and those who wait for the hundred are still
the old ones.

    eventually root# readlink /proc/$(systemctl show --value --property MainPID corrald)/exe
    /usr/sbin/corrald
    eventually root# readlink /proc/$(systemctl show --value --property MainPID corral-launcher)/exe
    /usr/libexec/corral/corral-launcher
    root# systemctl show --property MainPID corrald corral-launcher
    ...
    ! MainPID={agent}
    ! MainPID={launcher}
    root# systemctl show --value --property MainPID corral-jobs
    {keeper}
    root# for reaper in $(pgrep -f ^corral-reaper); do readlink /proc/$reaper/exe; done | sort | uniq -c
    ...
    100 /usr/libexec/corral/corral-launcher (deleted)
    ...
    root# pgrep -u alice -x flock | diff - /srv/work/running

The loop has not been refused anything: it ends when it is told to. Each of its jobs has run, and once.

    root# lines=$(wc -l </srv/work/more); until [ $(wc -l </srv/work/more) -gt $((lines + 10)) ]; do sleep 0.1; done
    alice$ touch /srv/work/enough
    eventually root# tail -n 1 /srv/work/more
    the end
    root# cat /srv/work/refused
    alice$ grep ' ' /srv/work/more | grep -v end | while read job code; do
    > corral wait $job; [ $? = $code ] || echo "job $job: not $code"; done
    root# cat /srv/work/started.* | wc -l | diff - <(grep -c '^[0-9]' /srv/work/more)

The hundred end as they should.

    root# systemctl stop gate
    alice$ while read job code; do corral wait $job; [ $? = $code ] || echo "job $job: not $code"; done </srv/work/jobs
    alice$ corral run -- echo again
    again
