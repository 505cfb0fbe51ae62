#pragma once
// SIGINT and SIGTERM become a flag that long jobs look at between steps, so that state is saved before leaving.
namespace cmtl {

// Takes over SIGINT and SIGTERM; a second signal of either kind ends the process at once.
void watch_interrupts();

// The signal that arrived (SIGINT 2, SIGTERM 15), or 0. The documented exit code is 128 + this.
int interrupted() noexcept;

}  // namespace cmtl
