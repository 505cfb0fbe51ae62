#pragma once
// Weights out of a model of another form: transfer learning.
#include <string>
#include <vector>

#include "nets/covid_mtl.hpp"

namespace cmtl {

struct Transfer {
    size_t taken = 0, tensors = 0;  // of the model's, running statistics included
    std::vector<std::string>
        fresh;  // those that keep their first values, with the reason: "classifier1.1.weight (2x64, the file has 3x64)"
    std::vector<std::string> unused;  // names in the file that no tensor of the model took
    std::string text() const;         // one line of all that
};

// Takes every tensor whose name and shape agree (numbers of f64 and bf16 become f32). Heads are those of their tasks:
// with `file_tasks`, the tasks of the file's heads 1, 2, ..., head i takes the head of the file whose task has the same
// name; without (nullptr: a bare state dict) the one of the same number. Throws Error(input) naming `source` where
// nothing agrees; nothing is changed then.
Transfer transfer_weights(Context& context, const Module& module, const std::vector<Task>& tasks,
                          const NamedTensors& weights, const std::vector<Task>* file_tasks, const std::string& source);

}  // namespace cmtl
