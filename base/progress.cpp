#include "base/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace cmtl {

using clock = std::chrono::steady_clock;

namespace {
double seconds(clock::duration d) { return std::chrono::duration<double>(d).count(); }
// A line that wraps cannot be drawn over. Names in it may be UTF-8: no character is cut.
void cut_to_terminal(std::string& text) {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || text.size() < size.ws_col) return;
    size_t end = size.ws_col - 1u;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
}
}  // namespace

std::string duration_text(double seconds) {
    const int64_t t = static_cast<int64_t>(seconds + 0.5);
    return t >= 3600 ? fmt::format("{}:{:02}:{:02}", t / 3600, t / 60 % 60, t % 60)
                     : fmt::format("{}:{:02}", t / 60, t % 60);
}

Progress::Progress(std::string title, int64_t total, bool quiet, double every)
    : title_(std::move(title)), total_(std::max<int64_t>(total, 1)), every_(every), quiet_(quiet), terminal_(::isatty(STDERR_FILENO)),
      start_(clock::now()), drawn_(start_) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::string_view note, int64_t steps) {
    std::lock_guard lock(mutex_);
    done_ += steps;
    if (!note.empty()) note_ = note;
    const double since = seconds(clock::now() - drawn_);
    if (quiet_ || finished_ || since < (terminal_ ? 0.1 : every_)) return;
    draw(false);
}

void Progress::begin_at(int64_t done) {
    std::lock_guard lock(mutex_);
    done_ = before_ = done;
}

void Progress::line(std::string_view note) {
    std::lock_guard lock(mutex_);
    note_ = note;
    if (!quiet_ && !finished_) draw(false);
}

void Progress::finish() {
    std::lock_guard lock(mutex_);
    if (quiet_ || finished_) return;
    finished_ = true;
    draw(true);
}

void Progress::draw(bool last) {
    drawn_ = clock::now();
    const double spent = seconds(drawn_ - start_), share = std::min(1.0, double(done_) / double(total_));
    const auto here = static_cast<double>(done_ - before_);
    const std::string left =
        last || here <= 0
            ? duration_text(spent)
            : duration_text(spent / here * static_cast<double>(std::max<int64_t>(total_ - done_, 0))) + " left";
    if (terminal_) {
        constexpr int width = 24;
        const int filled = static_cast<int>(share * width);
        std::string text = fmt::format("{} {:>3.0f}% [{}{}] {}/{} {} {}", title_, 100 * share, std::string(filled, '#'),
                                       std::string(width - filled, '.'), done_, total_, left, note_);
        cut_to_terminal(text);
        fmt::print(stderr, "\r\033[K{}{}", text, last ? "\n" : "");
    } else {
        fmt::print(stderr, "{}: {}/{} ({:.0f}%), {}{}{}\n", title_, done_, total_, 100 * share, left,
                   note_.empty() ? "" : ", ", note_);
    }
    std::fflush(stderr);
}

}  // namespace cmtl
