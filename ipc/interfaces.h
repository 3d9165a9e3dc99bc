// SPDX-License-Identifier: LGPL-2.1-or-later
// The texts of ipc/interfaces/*.varlink, compiled in.
#pragma once

extern const char ipc_interface_text_io_corral_jobs[];
extern const char ipc_interface_text_org_varlink_service[];
