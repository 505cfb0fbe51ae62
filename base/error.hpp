#pragma once
// The one exception type of the project, and the exit codes that the programs turn it into.
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace cmtl {

// Values are the programs' exit codes (README, "Exit codes").
enum class ErrorKind : int {
    partial = 1,   // some cases failed and were listed
    usage = 2,     // the command line or the configuration is wrong
    input = 3,     // a file or its content is wrong
    resource = 4,  // device, memory or disk space
    internal = 5,  // a broken promise of our own code
};

// what() reads "[tag] message": the tag names the operator or the file format, the message the offending value and,
// where there is one, the remedy.
class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, std::string_view tag, std::string_view message)
        : std::runtime_error(fmt::format("[{}] {}", tag, message)), kind_(kind) {}
    ErrorKind kind() const noexcept { return kind_; }
    int exit_code() const noexcept { return static_cast<int>(kind_); }
    // The message without its tag, for whoever tells it again with what the thrower did not know.
    std::string_view message() const noexcept {
        const std::string_view text = what();
        const size_t tag = text.find("] ");
        return tag == text.npos ? text : text.substr(tag + 2);
    }

  private:
    ErrorKind kind_;
};

// Throws Error(kind, tag, formatted message).
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
    throw Error(kind, tag, fmt::format(format, std::forward<Args>(args)...));
}

// A precondition of an internal interface: throws ErrorKind::internal when it does not hold. The message arguments are
// only evaluated by the caller, so keep them cheap on hot paths.
template <class... Args>
void require(bool holds, std::string_view tag, fmt::format_string<Args...> format, Args&&... args) {
    if (!holds) [[unlikely]]
        throw Error(ErrorKind::internal, tag, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace cmtl
