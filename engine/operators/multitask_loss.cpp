#include "engine/operators/multitask_loss.hpp"

#include <cmath>

#include "base/error.hpp"
#include "engine/autograd.hpp"

namespace cmtl {

// A handful of scalars: host code on every device that the host can read.

namespace {
void require_scalars(std::string_view op, const std::vector<Tensor>& losses, size_t weights) {
    require(!losses.empty() && losses.size() == weights, op, "{} weights for {} losses", weights, losses.size());
    for (const Tensor& t : losses) require(t.count() == 1, op, "a loss is {}, not one element", t.shape().text());
}
}  // namespace

Tensor weighted_sum(Context& context, const std::vector<Tensor>& losses, const std::vector<double>& weights) {
    require_scalars("weighted_sum", losses, weights.size());
    double total = 0;
    for (size_t k = 0; k < losses.size(); ++k) total += weights[k] * static_cast<double>(losses[k].data<float>()[0]);
    Tensor sum = context.full({1}, static_cast<float>(total));
    record(context, "weighted_sum", losses, {&sum}, [weights](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
        std::vector<Tensor> gradients;
        for (double w : weights) gradients.push_back(c.full({1}, static_cast<float>(w * static_cast<double>(d[0].data<float>()[0]))));
        return gradients;
    });
    return sum;
}

Tensor uncertainty_sum(Context& context, const std::vector<Tensor>& losses, const Tensor& log_variances) {
    require_scalars("uncertainty_sum", losses, static_cast<size_t>(log_variances.count()));
    std::vector<double> factors, values;
    double total = 0;
    for (size_t k = 0; k < losses.size(); ++k) {
        const double s = static_cast<double>(log_variances.data<float>()[k]);
        factors.push_back(std::exp(-s));
        values.push_back(static_cast<double>(losses[k].data<float>()[0]));
        total += factors[k] * values[k] + s / 2;
    }
    Tensor sum = context.full({1}, static_cast<float>(total));
    std::vector<Tensor> inputs = losses;
    inputs.push_back(log_variances);
    record(context, "uncertainty_sum", inputs, {&sum},
           [factors, values, shape = log_variances.shape()](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
               const double scale = static_cast<double>(d[0].data<float>()[0]);
               std::vector<Tensor> gradients;
               Tensor ds = c.empty(shape);
               for (size_t k = 0; k < factors.size(); ++k) {
                   gradients.push_back(c.full({1}, static_cast<float>(scale * factors[k])));
                   ds.data<float>()[k] = static_cast<float>(scale * (0.5 - factors[k] * values[k]));
               }
               gradients.push_back(ds);
               return gradients;
           });
    return sum;
}

}  // namespace cmtl
