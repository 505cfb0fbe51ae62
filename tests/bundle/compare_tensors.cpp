// compare_tensors A B [BAR]: whether two safetensors files hold the same names, shapes and, within BAR, the same numbers. Prints one
// line; exit code 0 where they do. Part of the bundle for GPUs: checkpoints after one step on a GPU and on the CPU, whose momentum
// is then the step's gradient.
//
// The difference of a tensor is the norm of a - b over the norm of a. Where a is nearly zero (the gradient of a bias that batch
// norm takes out again is rounding alone), it is measured against a thousandth of what the largest tensor of its kind (same name
// up to the slash) has per element.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/error.hpp"
#include "engine/safetensors.hpp"

namespace {

using cmtl::Tensor;

std::vector<double> values(cmtl::Context& context, const Tensor& tensor) {
    return context.to_vector<double>(context.cast(tensor, cmtl::Dtype::f64));
}

double norm(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return std::sqrt(sum);
}

std::string kind(const std::string& name) {
    const size_t slash = name.find('/');
    return slash == std::string::npos ? "" : name.substr(0, slash);
}

int compare(const std::string& left, const std::string& right, double bar) {
    cmtl::Context context;
    const cmtl::Safetensors a = cmtl::read_safetensors(context, left), b = cmtl::read_safetensors(context, right);
    if (a.tensors.size() != b.tensors.size()) {
        fmt::print("{} tensors in {}, {} in {}\n", a.tensors.size(), left, b.tensors.size(), right);
        return 1;
    }
    std::map<std::string, double> largest;  // root mean square
    for (const auto& [name, tensor] : a.tensors) {
        const std::vector<double> v = values(context, tensor);
        double& most = largest[kind(name)];
        most = std::max(most, norm(v) / std::sqrt(std::max<double>(1, static_cast<double>(v.size()))));
    }
    double worst = 0;
    std::string where = "any";
    for (const auto& [name, tensor] : a.tensors) {
        const Tensor* other = b.find(name);
        if (other == nullptr || other->shape() != tensor.shape()) {
            fmt::print("{}: {} in {}\n", name, other == nullptr ? "is not" : "has another shape", right);
            return 1;
        }
        const std::vector<double> x = values(context, tensor), y = values(context, *other);
        std::vector<double> difference(x.size());
        for (size_t i = 0; i < x.size(); ++i) difference[i] = x[i] - y[i];
        const double scale = std::max(norm(x), 1e-3 * largest[kind(name)] * std::sqrt(static_cast<double>(x.size())));
        const double off = norm(difference);
        const double relative = off == 0 ? 0 : off / scale;
        if (!(relative <= worst)) {  // NaN is worst of all
            worst = relative;
            where = name;
            if (std::isnan(worst)) break;
        }
    }
    fmt::print("{} tensors differ by at most {:.1e} (bar {:.0e}), at {}\n", a.tensors.size(), worst, bar, where);
    return worst <= bar ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3 || argc > 4) {
        fmt::print(stderr, "usage: compare_tensors A.safetensors B.safetensors [BAR]\n");
        return 2;
    }
    try {
        return compare(argv[1], argv[2], argc == 4 ? std::atof(argv[3]) : 3e-2);
    } catch (const cmtl::Error& error) {
        fmt::print(stderr, "compare_tensors: error: {}\n", error.what());
        return error.exit_code();
    }
}
