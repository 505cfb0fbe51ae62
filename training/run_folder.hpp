#pragma once
// The folder a training leaves its results in: one writer at a time, nothing half-written, safe to go on with.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace cmtl {

class RunFolder {
  public:
    // Makes the folder and takes its lock. Throws Error(input): when it holds anything and `resume` is off (the message
    // names
    // --resume; a log and prepared volumes of a run that failed before its first step do not count), or while another
    // process trains in it. A lock of a killed process does not count.
    // `checkpoints`: with a folder for them.
    RunFolder(std::filesystem::path path, bool resume, bool quiet, bool checkpoints = true);
    ~RunFolder();
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path checkpoint(const std::string& name) const {
        return path_ / "checkpoints" / (name + ".safetensors");
    }
    bool has_checkpoint() const;

    // A line of log.txt with date and time; `show` prints it too (unless quiet).
    void log(std::string_view line, bool show = false);

    // metrics.jsonl holds nothing that depends on the clock. Its size goes into every checkpoint: a resumed run cuts
    // off what was written after it.
    void metric(const nlohmann::ordered_json& line);
    uint64_t metrics_bytes() const;
    void cut_metrics(uint64_t bytes);

  private:
    std::filesystem::path path_;
    bool quiet_;
    int lock_ = -1;
};

}  // namespace cmtl
