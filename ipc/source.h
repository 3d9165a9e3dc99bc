// SPDX-License-Identifier: LGPL-2.1-or-later
// What the epoll set of a server tells about: the first member of everything that is in it.
#pragma once

typedef enum IpcSourceKind {
    IPC_SOURCE_CONNECTION,
    IPC_SOURCE_LISTENER,
    IPC_SOURCE_PAUSE, // accepting may go on
    IPC_SOURCE_WAKE,  // there are connections to be served
} IpcSourceKind;

typedef struct IpcSource {
    IpcSourceKind kind;
} IpcSource;
