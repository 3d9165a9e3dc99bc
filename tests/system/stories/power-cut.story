# What was written and synced survives a power cut
[vm, debian 13, bare]

    root# echo kept >/var/lib/kept && sync /var/lib/kept /var/lib
    root# cat /proc/sys/kernel/random/boot_id
    {boot}

The machine loses its power, and what it had in its memory alone.

    root# echo lost >/run/lost
    machine! power cut
    machine! boot
    root# cat /proc/sys/kernel/random/boot_id
    *
    ! {boot}
    root# cat /var/lib/kept
    kept
    root# cat /run/lost
    cat: /run/lost: No such file or directory
    [1]
