#pragma once
// Runs the programs of this build as a user does.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "training/training_fixtures.hpp"

namespace cmtl::test {

// Arguments, put together.
using Words = std::vector<std::string>;

inline Words operator+(Words a, const Words& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

struct Result {
    int code = -1;    // exit code, or 128 + signal
    std::string out;  // stdout and stderr
};

class Process {
  public:
    // `before` runs in the child in front of exec (limits). Output goes to a file, so no pipe can fill.
    Process(const std::string& program, const std::vector<std::string>& arguments,
            const std::function<void()>& before = {}) {
        output_ = log_ / "output";
        std::vector<std::string> words{std::string(CMTL_BIN_DIR) + "/" + program};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            const int file = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
            ::dup2(file, 1);
            ::dup2(file, 2);
            if (before) before();
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
    }
    ~Process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    // Nothing where the process ended already: kill(-1) would be everybody's.
    void signal(int number) const {
        if (pid_ > 0) ::kill(pid_, number);
    }
    bool running() {
        int status = 0;
        if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) finish(status);
        return pid_ > 0;
    }
    Result wait() {
        int status = 0;
        if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_) finish(status);
        return result_;
    }

  private:
    void finish(int status) {
        pid_ = -1;
        result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        result_.out = text_of(output_);
    }
    Folder log_;
    fs::path output_;
    pid_t pid_ = -1;
    Result result_;
};

inline Result run_program(const std::string& program, const std::vector<std::string>& arguments,
                          const std::function<void()>& before = {}) {
    return Process(program, arguments, before).wait();
}

// Waits until `path` exists and, if it does already, until it is written again; false when the process ended before.
inline bool wait_for_file(Process& process, const fs::path& path) {
    std::error_code code;
    const auto before = fs::last_write_time(path, code);
    const bool existed = !code;
    while (process.running()) {
        const auto now = fs::last_write_time(path, code);
        if (!code && (!existed || now != before)) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

inline testing::AssertionResult says(const Result& result, int code, const std::string& part) {
    if (result.code == code && result.out.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "exit " << result.code << " (expected " << code << "), looked for '" << part
                                       << "' in:\n"
                                       << result.out;
}

}  // namespace cmtl::test
