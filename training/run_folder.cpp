#include "training/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

namespace {
// Whether the folder holds anything but what a run leaves that failed before its first step (prepared volumes among
// it).
bool begun(const fs::path& folder) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
        const std::string name = entry.path().filename().string();
        if (name == ".lock" || name == "log.txt" || name == "cache") continue;
        if (name == "checkpoints" && fs::is_empty(entry.path(), code)) continue;
        return true;
    }
    return false;
}
}  // namespace

RunFolder::RunFolder(fs::path path, bool resume, bool quiet, bool checkpoints) : path_(std::move(path)), quiet_(quiet) {
    std::error_code code;
    if (!resume && begun(path_))
        fail(ErrorKind::input, "run", "{}: is not empty: go on with --resume, or choose another folder",
             path_.string());
    make_folder(checkpoints ? path_ / "checkpoints" : path_);
    lock_ = ::open((path_ / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0) fail(ErrorKind::input, "run", "{}: cannot be written: {}", path_.string(), std::strerror(errno));
    // The kernel drops the lock with the process, however that ends.
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(lock_);
        fail(ErrorKind::input, "run", "{}: another process trains in this folder: wait for it or choose another folder",
             path_.string());
    }
    // What a killed process was writing.
    for (const fs::path& folder : {path_, path_ / "checkpoints"})
        for (const auto& entry : fs::directory_iterator(folder, code))
            if (entry.path().filename().string().rfind(".tmp", 0) == 0) fs::remove(entry.path(), code);
}

RunFolder::~RunFolder() {
    if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::has_checkpoint() const {
    std::error_code code;
    return fs::exists(checkpoint("latest"), code);
}

void RunFolder::log(std::string_view line, bool show) {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    append_file(path_ / "log.txt", fmt::format("{} {}\n", stamp, line));
    if (show && !quiet_) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }
}

void RunFolder::metric(const nlohmann::ordered_json& line) { append_file(path_ / "metrics.jsonl", line.dump() + "\n"); }

uint64_t RunFolder::metrics_bytes() const {
    std::error_code code;
    const auto size = fs::file_size(path_ / "metrics.jsonl", code);
    return code ? 0 : size;
}

void RunFolder::cut_metrics(uint64_t bytes) {
    const fs::path file = path_ / "metrics.jsonl";
    if (metrics_bytes() < bytes)
        fail(ErrorKind::input, "run",
             "{}: is shorter than when the checkpoint was written: this folder was changed by hand", file.string());
    if (metrics_bytes() > bytes && ::truncate(file.c_str(), static_cast<off_t>(bytes)) != 0)
        fail(ErrorKind::input, "run", "{}: cannot be written: {}", file.string(), std::strerror(errno));
}

}  // namespace cmtl
