#pragma once
// Progress of a long job on stderr: a redrawn bar on a terminal, a plain line at most every few seconds elsewhere.
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace cmtl {

class Progress {
  public:
    // `total` steps of the job called `title`; `quiet` prints nothing. Thread-safe.
    Progress(std::string title, int64_t total, bool quiet = false);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // One step further (or `steps`); `note` is shown behind the bar, for example a loss.
    void advance(std::string_view note = {}, int64_t steps = 1);
    // Draws the final state and ends the line. Called by the destructor.
    void finish();

  private:
    void draw(bool last);
    std::string title_, note_;
    int64_t total_, done_ = 0;
    bool quiet_, terminal_, finished_ = false;
    std::chrono::steady_clock::time_point start_, drawn_;
    std::mutex mutex_;
};

}  // namespace cmtl
