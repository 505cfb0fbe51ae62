#pragma once
// report.html of cmtl_evaluate.
#include <string>

#include "evaluation/evaluation.hpp"

namespace cmtl {

// One self-contained page: models side by side with intervals, their comparison with p values, and per model ROC,
// precision-recall and reliability curves, confusion matrices, operating points, subgroups. `program` is the footer,
// `opening` HTML in front of all that.
std::string evaluation_report_html(const Evaluation& evaluation, const std::string& subtitle,
                                   const std::string& program, const std::string& opening = {});

}  // namespace cmtl
