#include "engine/operators/elementwise.hpp"

#include <fmt/ranges.h>

#include "engine/autograd.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

std::string ConcatProblem::text() const { return fmt::format("{} rows of {}", rows, fmt::join(channels, "+")); }

Tensor relu(Context& context, const Tensor& x) {
    static const auto forward = joined(cpu_relu_forward(), gpu_relu_forward());
    static const auto backward = joined(cpu_relu_backward(), gpu_relu_backward());
    const ElementwiseProblem p{x.count()};
    Tensor y = context.empty(x.shape());
    run_first(context, "relu", forward, p, x, y);
    // y is positive exactly where x is: saving y lets x go, and y is kept alive by the next operator anyway.
    record(context, "relu", {x}, {&y}, [p, y = y.detach()](Context& c, std::vector<Tensor> dy, const std::vector<bool>&) {
        Tensor dx = dy[0].unique() ? dy[0] : c.empty(y.shape());
        run_first(c, "relu_backward", backward, p, y, dy[0], dx);
        return std::vector<Tensor>{dx};
    });
    return y;
}

Tensor add(Context& context, const Tensor& a, const Tensor& b) {
    static const auto forward = joined(cpu_add_forward(), gpu_add_forward());
    require(a.shape() == b.shape(), "add", "{} and {} differ", a.shape().text(), b.shape().text());
    const ElementwiseProblem p{a.count()};
    Tensor sum = context.empty(a.shape());
    run_first(context, "add", forward, p, a, b, sum);
    // Both sides take the same gradient tensor; whoever wants to overwrite it sees that it is shared.
    record(context, "add", {a, b}, {&sum},
           [](Context&, std::vector<Tensor> d, const std::vector<bool>&) { return std::vector<Tensor>{d[0], d[0]}; });
    return sum;
}

Tensor concat(Context& context, const std::vector<Tensor>& parts) {
    static const auto join = joined(cpu_concat_join(), gpu_concat_join());
    static const auto split = joined(cpu_concat_split(), gpu_concat_split());
    require(!parts.empty() && parts[0].rank() >= 1, "concat", "nothing to join");
    ConcatProblem p{parts[0].size(-1) ? parts[0].count() / parts[0].size(-1) : 0, {}};
    std::vector<Shape> shapes;
    std::vector<int64_t> joined(parts[0].shape().sizes().begin(), parts[0].shape().sizes().end());
    joined.back() = 0;
    for (const Tensor& part : parts) {
        bool fits = part.rank() == parts[0].rank();
        for (int i = 0; fits && i + 1 < part.rank(); ++i) fits = part.size(i) == parts[0].size(i);
        require(fits, "concat", "{} does not join {}", part.shape().text(), parts[0].shape().text());
        shapes.push_back(part.shape());
        p.channels.push_back(part.size(-1));
        joined.back() += part.size(-1);
    }
    Tensor whole = context.empty(Shape(joined));
    run_first(context, "concat", join, p, parts, whole);
    record(context, "concat", parts, {&whole}, [p, shapes](Context& c, std::vector<Tensor> d, const std::vector<bool>&) {
        std::vector<Tensor> gradients;
        for (const Shape& shape : shapes) gradients.push_back(c.empty(shape));
        run_first(c, "concat_backward", split, p, gradients, d[0]);
        return gradients;
    });
    return whole;
}

}  // namespace cmtl
