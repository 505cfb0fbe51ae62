#include "base/near_matches.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cmtl {

namespace {
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row[b.size()];
}

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }
}  // namespace

std::string near_matches(const std::string& word, const std::vector<std::string>& known) {
    std::vector<std::pair<size_t, std::string>> near;
    for (const auto& candidate : known) {
        size_t distance = edit_distance(word, candidate);
        // Somebody who leaves the group out, or takes the wrong one, meant the same last part.
        distance = std::min(distance, 1 + edit_distance(last_part(word), last_part(candidate)));
        if (distance <= std::max<size_t>(2, last_part(word).size() / 3)) near.emplace_back(distance, candidate);
    }
    std::sort(near.begin(), near.end());
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(near.size(), 3); ++i) text += (i ? ", " : "") + near[i].second;
    return text.empty() ? text : "did you mean " + text + "?";
}

}  // namespace cmtl
