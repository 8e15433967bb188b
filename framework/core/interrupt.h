// Ctrl-C and SIGTERM end work at the next safe point, with its state saved.
#pragma once

namespace gyre {

// From here on the first SIGINT or SIGTERM sets the flag; a second one, of either kind, ends the process at
// once.
void install_interrupt_handler();

bool interrupted();

// Throws Error(kInterrupted) if the flag is set. Long loops call it once a step.
void throw_if_interrupted();

}  // namespace gyre
