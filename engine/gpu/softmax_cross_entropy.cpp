#include "kernels/softmax_cross_entropy.hpp"

#include "engine/gpu/target.hpp"
#include "engine/operators/softmax_cross_entropy_problem.hpp"

namespace cmtl {

namespace {

void softmax_forward(Context& context, const CrossEntropyProblem& p, const Tensor& logits, const Tensor& probabilities) {
    on_target(context, [&]<class Target>(Target) {
        kernels::softmax<Target>(context.stream(), p.n, p.classes, logits.device_data<float>(), probabilities.device_data<float>());
    });
}

void forward(Context& context, const CrossEntropyProblem& p, const Tensor& logits, const Tensor& labels,
             const Tensor& weights, const Tensor& loss, const Tensor& probabilities) {
    on_target(context, [&]<class Target>(Target) {
        kernels::softmax_cross_entropy_forward<Target>(context.stream(), p.n, p.classes, logits.device_data<float>(),
                                                       labels.device_data<int64_t>(), weights.device_data<float>(),
                                                       loss.device_data<float>(), probabilities.device_data<float>());
    });
}

void backward(Context& context, const CrossEntropyProblem& p, const Tensor& probabilities, const Tensor& labels,
              const Tensor& weights, const Tensor& dloss, const Tensor& dlogits) {
    on_target(context, [&]<class Target>(Target) {
        kernels::softmax_cross_entropy_backward<Target>(
            context.stream(), p.n, p.classes, probabilities.device_data<float>(), labels.device_data<int64_t>(),
            weights.device_data<float>(), dloss.device_data<float>(), dlogits.device_data<float>());
    });
}

Refusal supports(const Context& context, const CrossEntropyProblem&) { return only_on_gpu(context); }

}  // namespace

std::vector<CrossEntropyForward> gpu_softmax_cross_entropy_forward() { return {{"kernel", supports, forward}}; }
std::vector<CrossEntropyBackward> gpu_softmax_cross_entropy_backward() { return {{"kernel", supports, backward}}; }
std::vector<Softmax> gpu_softmax() { return {{"kernel", supports, softmax_forward}}; }

}  // namespace cmtl
