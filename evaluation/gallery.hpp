#pragma once
// Which cases are worth a look.
#include <cstddef>
#include <vector>

#include "evaluation/predictions.hpp"

namespace cmtl {

struct GalleryChoice {
    size_t task, row;  // positions in the predictions
    bool right;        // whether the task's most probable class is the true one
};

// Task by task in equal shares: the errors whose true class got the least probability, worst first, in half of the
// share (rounded up); then cases that are right, the surest of every class, highest class first. A case is shown once;
// cases without a label of the task are not. At most `most`, and at least one of either kind per task where there is
// one.
std::vector<GalleryChoice> choose_gallery(const Predictions& predictions, size_t most = 12);

}  // namespace cmtl
