#include "kernels/simt/instrument_sites.hpp"

#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"

namespace cmtl::kernels::simt {
namespace {

constexpr size_t kMost = 16383;  // what a Cell holds

uintptr_t load_address() {
    uintptr_t base = 0;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* out) {
            *static_cast<uintptr_t*>(out) = info->dlpi_addr;
            return 1;  // the program itself comes first
        },
        &base);
    return base;
}

struct Frame {
    std::string file;  // with folders
    unsigned line = 0;
};

// Innermost first.
SourceLine line_of(const std::vector<Frame>& frames) {
    const auto has = [](const Frame& f, std::string_view part) { return f.file.find(part) != std::string::npos; };
    const auto library = [&](const Frame& f) {
        return f.line == 0 || has(f, "/include/c++/") || has(f, "/kernels/simt/") || f.file.starts_with("/usr/");
    };
    const auto helper = [&](const Frame& f) {
        return library(f) || has(f, "/kernels/primitives/") || has(f, "/kernels/ptx/");
    };
    const Frame* chosen = nullptr;
    for (const Frame& f : frames)
        if (!helper(f)) {
            chosen = &f;
            break;
        }
    for (size_t i = 0; !chosen && i < frames.size(); i++)
        if (!library(frames[i])) chosen = &frames[i];
    SourceLine result;
    result.foreign = !chosen;
    if (!chosen && !frames.empty()) chosen = &frames.front();
    if (chosen) {
        const size_t slash = chosen->file.rfind('/');
        result.file = slash == std::string::npos ? chosen->file : chosen->file.substr(slash + 1);
        result.line = chosen->line;
    }
    return result;
}

}  // namespace

std::string SourceLine::text() const {
    return line ? fmt::format("{}:{}", file, line) : "a line that addr2line does not know";
}

Sites::Sites() : table_(1 << 18), pcs_(1, nullptr), lines_(1) {}

uint16_t Sites::insert(size_t at, const void* pc) {
    if (pcs_.size() > kMost) fail(ErrorKind::internal, "simt", "more than {} instructions access memory", kMost);
    table_[at] = {pc, static_cast<uint16_t>(pcs_.size())};
    pcs_.push_back(pc);
    return table_[at].number;
}

const SourceLine& Sites::line(uint16_t site) {
    if (site >= lines_.size()) resolve();
    return lines_[site];
}

void Sites::resolve() {
    const uintptr_t base = load_address();
    char name[] = "/tmp/cmtl_sites_XXXXXX";
    const int descriptor = mkstemp(name);
    if (descriptor < 0) fail(ErrorKind::resource, "simt", "no temporary file for addr2line");
    std::FILE* addresses = fdopen(descriptor, "w");
    for (size_t i = lines_.size(); i < pcs_.size(); i++)  // the call, not what follows it
        std::fprintf(addresses, "0x%lx\n", static_cast<unsigned long>(reinterpret_cast<uintptr_t>(pcs_[i]) - base - 1));
    std::fclose(addresses);
    std::vector<std::vector<Frame>> all;
    const std::string command = fmt::format("addr2line -a -i -e /proc/{}/exe < {} 2> /dev/null", getpid(), name);
    if (std::FILE* answers = popen(command.c_str(), "r")) {
        char* text = nullptr;
        size_t size = 0;
        for (ssize_t length; (length = getline(&text, &size, answers)) > 0;) {
            std::string_view answer(text, static_cast<size_t>(length));
            while (!answer.empty() && (answer.back() == '\n' || answer.back() == '\r')) answer.remove_suffix(1);
            if (answer.starts_with("0x")) {
                all.emplace_back();
            } else if (const size_t colon = answer.rfind(':'); colon != std::string_view::npos && !all.empty()) {
                all.back().push_back(
                    {std::string(answer.substr(0, colon)),
                     static_cast<unsigned>(std::strtoul(std::string(answer.substr(colon + 1)).c_str(), nullptr, 10))});
            }
        }
        std::free(text);
        pclose(answers);
    }
    unlink(name);
    for (size_t i = 0; lines_.size() < pcs_.size(); i++)
        lines_.push_back(i < all.size() ? line_of(all[i]) : SourceLine{});
}

}  // namespace cmtl::kernels::simt
