#pragma once
#include <string>

#include "evaluation/evaluation.hpp"

namespace cmtl {

// What one model of an evaluation is worth, as HTML: table of measures, ROC and precision-recall curves with
// bands, reliability curves, confusion matrices, operating points, subgroups.
std::string model_section(const Evaluation& evaluation, size_t model);

}  // namespace cmtl
