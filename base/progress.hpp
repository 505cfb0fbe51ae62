#pragma once
// Progress of a long job on stderr: a redrawn bar on a terminal, a plain line at most every few seconds elsewhere.
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace cmtl {

// "0:07", "12:34", "1:00:00"
std::string duration_text(double seconds);

class Progress {
  public:
    // `total` steps of the job called `title`; `quiet` prints nothing. Thread-safe.
    // `every`: seconds between plain lines.
    Progress(std::string title, int64_t total, bool quiet = false, double every = 5);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // One step further (or `steps`); `note` is shown behind the bar, for example a loss.
    void advance(std::string_view note = {}, int64_t steps = 1);
    // `done` steps were done before this process began: the time left is not reckoned from them.
    void begin_at(int64_t done);
    // Says this now, as a plain line or behind the bar.
    void line(std::string_view note);
    // Draws the final state and ends the line. Called by the destructor.
    void finish();

  private:
    void draw(bool last);
    std::string title_, note_;
    int64_t total_, done_ = 0, before_ = 0;
    double every_;
    bool quiet_, terminal_, finished_ = false;
    std::chrono::steady_clock::time_point start_, drawn_;
    std::mutex mutex_;
};

}  // namespace cmtl
