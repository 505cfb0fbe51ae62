#include "engine/autograd.hpp"

#include "base/error.hpp"
#include "engine/operators/elementwise_problem.hpp"

namespace cmtl {

namespace {
// slot.gradient += gradient; takes the tensor over when it is the first.
void accumulate(Context& context, GradientSlot& slot, Tensor gradient) {
    if (!slot.gradient.defined()) {
        slot.gradient = std::move(gradient);
        return;
    }
    // The held gradient may be shared with another consumer of the same result (add hands one tensor to both sides).
    if (!slot.gradient.unique()) slot.gradient = context.copy(slot.gradient);
    static const auto list = joined(cpu_accumulate(), gpu_accumulate());
    run_first(context, "accumulate", list, ElementwiseProblem{gradient.count()}, slot.gradient, gradient);
}
}  // namespace

Tape::Tape(Context& context) : context_(context) {
    require(context.tape() == nullptr, "autograd", "a tape records already: backward passes do not nest");
    context.set_tape(this);
}

Tape::~Tape() {
    if (context_.tape() == this) context_.set_tape(nullptr);
}

void Tape::backward(const Tensor& loss) {
    require(!used_, "autograd", "this tape ran backwards already: record the next pass on a new one");
    require(loss.requires_grad(), "autograd", "the loss does not depend on anything that requires a gradient");
    require(loss.count() == 1, "autograd", "backward starts at one element, not at {}", loss.shape().text());
    used_ = true;
    NoGrad guard(context_);
    accumulate(context_, *loss.slot(), context_.full(loss.shape(), 1.0f));
    while (!entries_.empty()) {
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        std::vector<Tensor> gradients;
        bool reached = false;
        for (auto& slot : entry.outputs) {
            gradients.push_back(std::move(slot->gradient));
            slot->gradient = Tensor();
            reached |= gradients.back().defined();
        }
        if (!reached) continue;
        std::vector<bool> wanted;
        for (const auto& slot : entry.inputs) wanted.push_back(slot != nullptr);
        std::vector<Tensor> results = entry.backward(context_, std::move(gradients), wanted);
        require(results.size() == entry.inputs.size(), "autograd", "{} returned {} gradients for {} inputs", entry.name,
                results.size(), entry.inputs.size());
        entry.backward = nullptr;  // frees the saved tensors before gradients are added up
        for (size_t i = 0; i < results.size(); ++i) {
            if (!wanted[i]) continue;
            require(results[i].defined(), "autograd", "{} gave no gradient for input {}", entry.name, i);
            accumulate(context_, *entry.inputs[i], std::move(results[i]));
        }
    }
}

bool recording(const Context& context, std::initializer_list<const Tensor*> inputs) {
    if (!context.tape()) return false;
    for (const Tensor* t : inputs)
        if (t->requires_grad()) return true;
    return false;
}

void record(Context& context, std::string_view name, std::vector<Tensor> inputs, std::vector<Tensor*> outputs,
            BackwardFunction backward) {
    if (!context.tape()) return;
    Tape::Entry entry{name, {}, {}, std::move(backward)};
    bool any = false;
    for (const Tensor& t : inputs) {
        entry.inputs.push_back(t.slot());
        any |= t.requires_grad();
    }
    if (!any) return;
    for (Tensor* t : outputs) {
        auto slot = std::make_shared<GradientSlot>();
        t->set_slot(slot);
        entry.outputs.push_back(std::move(slot));
    }
    context.tape()->entries_.push_back(std::move(entry));
}

}  // namespace cmtl
