// SPDX-License-Identifier: LGPL-2.1-or-later
// What the messages of the agent do: one table. See protocol.h for what they mean.
#pragma once

#include "agent/launcher/state.h"

// Does what a message asks for, when it is exactly one of the table and its descriptors are what they should be.
// A positive errno when there is too little of something now: nothing has been done, and the message may come again.
// Negative errno when the agent has broken the protocol or cannot be answered.
int verb_dispatch(Launcher *launcher, Packet *packet);

// Tells the agent that is connected what the policy is. A negative errno when it does not take the message.
int verbs_tell_policy(const Launcher *launcher);
