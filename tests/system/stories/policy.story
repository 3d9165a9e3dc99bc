# The launcher does what its own configuration allows, whoever asks
[container, debian 12, debian 13]

Root has no jobs unless the administrator wants that.

    root# corral submit -- id -un
    *root*
    [1]
    root# sed -i 's/^#RootJobs=.*/RootJobs=yes/' /etc/corral/launcher.conf && systemctl reload corral-launcher
    eventually root# corral run -- id -un
    root

Nor have users who are not among those allowed. Until the launcher has read its configuration, jobs of theirs are taken.

    root# echo Uids=$(id -u alice) >/etc/corral/launcher.conf && systemctl reload corral-launcher
    alice$ corral run -- id -un
    alice
    eventually bob$ corral submit -- id -un
    *bob*
    [1]

A configuration with a mistake changes nothing.

    root# echo Uids=everybody >/etc/corral/launcher.conf; systemctl reload corral-launcher
    eventually root# journalctl -q -u corral-launcher -o cat
    ...
    /etc/corral/launcher.conf: line 1: Uids has to be user ids or ranges of them, such as 1000-59999*
    ...
    alice$ corral run -- id -un
    alice
    bob$ corral submit -- id -un
    *bob*
    [1]

Nobody but root may say what is allowed.

    root# echo Uids=0-4294967294 >/etc/corral/launcher.conf; chown corral /etc/corral/launcher.conf
    > systemctl reload corral-launcher
    eventually root# journalctl -q -u corral-launcher -o cat
    ...
    /etc/corral/launcher.conf: others may write it*
    ...
    bob$ corral submit -- id -un
    *bob*
    [1]

Members of corral-admin manage everybody's jobs, once they have logged in again.

    alice$ corral submit -- sleep 1000
    {job}
    carol$ corral cancel $job
    ...
    [1]
    root# adduser --quiet carol corral-admin
    carol$ corral cancel $job
    {job} canceled*
    carol$ corral param Slots=3
    ...
