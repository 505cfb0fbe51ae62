#pragma once
// What somebody who misspelt a name probably meant.
#include <string>
#include <vector>

namespace cmtl {

// Up to three of `known` that `word` was probably meant to be, best first: as "did you mean a, b?" or "". Names may
// have groups in front ("train.lr").
std::string near_matches(const std::string& word, const std::vector<std::string>& known);

}  // namespace cmtl
