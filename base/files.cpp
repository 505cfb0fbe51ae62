#include "base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace cmtl {

namespace {
[[noreturn]] void fail_errno(const fs::path& path, const char* what, int code) {
    const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    fail(full ? ErrorKind::resource : ErrorKind::input, "file", "{}: cannot {}: {}{}", path.string(), what,
         std::strerror(code), full ? "; free some space and run again (nothing was lost)" : "");
}
}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
    // The suffix goes in front of the extension: image writers choose the format by the name's end.
    const std::string name = path_.filename().string();
    temporary_ = path_.parent_path() / (".tmp" + std::to_string(::getpid()) + "." + name);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail_errno(path_, "be written", errno);
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            fail_errno(path_, "be written", errno);
        }
        bytes = bytes.subspan(static_cast<size_t>(n));
    }
}

void AtomicFile::close_for_library() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

void AtomicFile::commit() {
    if (descriptor_ < 0) descriptor_ = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_errno(path_, "be written", errno);
    if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail_errno(path_, "be flushed", errno);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail_errno(path_, "be closed", errno);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(path_, "be put in place", errno);
    committed_ = true;
}

void write_file(const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

void append_file(const fs::path& path, std::string_view text) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor < 0) fail_errno(path, "be written", errno);
    while (!text.empty()) {
        const ssize_t n = ::write(descriptor, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const int code = errno;
            ::close(descriptor);
            fail_errno(path, "be written", code);
        }
        text.remove_prefix(static_cast<size_t>(n));
    }
    ::close(descriptor);
}

std::string read_file(const fs::path& path) {
    require_readable(path);
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_errno(path, "be opened", errno);
    std::string text;
    char buffer[1 << 16];
    for (;;) {
        const ssize_t n = ::read(descriptor, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            const int code = errno;
            ::close(descriptor);
            fail_errno(path, "be read", code);
        }
        if (n == 0) break;
        text.append(buffer, static_cast<size_t>(n));
    }
    ::close(descriptor);
    return text;
}

void require_readable(const fs::path& path) {
    std::error_code code;
    if (path.empty()) fail(ErrorKind::input, "file", "an empty path was given");
    if (!fs::exists(path, code)) fail(ErrorKind::input, "file", "{}: no such file or folder", path.string());
    if (::access(path.c_str(), R_OK) != 0) fail_errno(path, "be read", errno);
}

void make_folder(const fs::path& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) fail_errno(path, "be made", code.value());
}

}  // namespace cmtl
