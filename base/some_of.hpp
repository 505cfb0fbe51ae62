#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

namespace cmtl {

// For messages: "a, b, c and 4 more".
inline std::string some_of(const std::vector<std::string>& names, size_t most = 10) {
    const size_t shown = std::min(names.size(), most);
    const auto text =
        fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
    return shown < names.size() ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

}  // namespace cmtl
