#include "base/interrupt.hpp"

#include <unistd.h>

#include <csignal>

namespace cmtl {

namespace {
volatile std::sig_atomic_t pending = 0;

void on_signal(int number) {
    if (pending) ::_exit(128 + number);
    pending = number;
}
}  // namespace

void watch_interrupts() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

int interrupted() noexcept { return static_cast<int>(pending); }

}  // namespace cmtl
