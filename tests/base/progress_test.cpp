// Progress where stderr is no terminal, and on one.
#include "base/progress.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

namespace cmtl {
namespace {

TEST(Progress, SpeaksInLinesWhenItIsTold) {
    testing::internal::CaptureStderr();
    {
        Progress progress("train", 10, false, 1000);
        progress.begin_at(5);
        progress.advance("step");
        progress.line("epoch 1/2 loss 0.5");
        progress.advance("more");
    }
    const std::string out = testing::internal::GetCapturedStderr();
    EXPECT_EQ(out,
              "train: 6/10 (60%), 0:00 left, epoch 1/2 loss 0.5\n"
              "train: 7/10 (70%), 0:00, more\n");
    testing::internal::CaptureStderr();
    {
        Progress progress("train", 10, true);
        progress.line("epoch 1");
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// A line that would wrap is cut to the terminal's width, between characters.
TEST(Progress, FitsTheTerminal) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) GTEST_SKIP() << "no terminal to be had";
    const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
    winsize size{};
    size.ws_row = 10;
    size.ws_col = 60;
    ::ioctl(terminal, TIOCSWINSZ, &size);
    std::fflush(stderr);
    const int before = ::dup(STDERR_FILENO);
    ::dup2(terminal, STDERR_FILENO);
    {
        Progress progress("train", 4);
        progress.advance();
        progress.line("é" + std::string(100, 'x'));
    }
    ::dup2(before, STDERR_FILENO);
    char buffer[4096];
    const ssize_t n = ::read(master, buffer, sizeof buffer);
    ::close(before);
    ::close(terminal);
    ::close(master);
    ASSERT_GT(n, 0);
    const std::string out(buffer, static_cast<size_t>(n));
    EXPECT_NE(out.find("train  25% [######..................] 1/4 0:00 left éxx"), std::string::npos) << out;
    std::string line;
    for (const char c : out)
        if (c == '\r' || c == '\n') {
            EXPECT_LE(line.size(), 60u + 3u) << line;  // and "clear the line"
            line.clear();
        } else {
            line += c;
        }
}

}  // namespace
}  // namespace cmtl
