#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>

namespace cmtl {

// The JPEG and NIfTI libraries print what they think of a stream on file descriptor 2, past every switch of GDCM and
// ITK: for 12 bits two lines per slice. The descriptor leads nowhere while any thread is inside; what other threads
// print meanwhile is lost.
class SilentStderr {
  public:
    SilentStderr() {
        const std::lock_guard lock(mutex_);
        if (users_++ > 0) return;
        std::fflush(stderr);
        saved_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (saved_ >= 0 && nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
        if (nowhere >= 0) ::close(nowhere);
    }
    ~SilentStderr() {
        const std::lock_guard lock(mutex_);
        if (--users_ > 0 || saved_ < 0) return;
        std::fflush(stderr);
        ::dup2(saved_, STDERR_FILENO);
        ::close(saved_);
    }
    SilentStderr(const SilentStderr&) = delete;
    SilentStderr& operator=(const SilentStderr&) = delete;

  private:
    static inline std::mutex mutex_;
    static inline int users_ = 0, saved_ = -1;
};

}  // namespace cmtl
