#pragma once
// Reverse-mode differentiation on a tape: operators record themselves while a Tape lives, backward() runs them in reverse.
//
//     Tape tape(context);
//     Tensor loss = softmax_cross_entropy(context, linear(context, x, weight, bias), labels);
//     tape.backward(loss);            // weight.grad(), bias.grad()
//
// What a backward step needs is held by its own entry on the tape and freed as soon as that entry ran.
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/context.hpp"

namespace cmtl {

// Gradients of an operator's inputs from those of its outputs. `outputs[i]` is undefined when nothing asked for output i;
// the callee may overwrite a gradient that is unique(). `wanted[i]` says whether input i needs one; results that are not
// wanted may be undefined.
using BackwardFunction =
    std::function<std::vector<Tensor>(Context&, std::vector<Tensor> outputs, const std::vector<bool>& wanted)>;

class Tape {
  public:
    // Records on `context` until destroyed. Throws Error(internal) when another tape already records there.
    explicit Tape(Context& context);
    ~Tape();
    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    // Adds d loss / d leaf to every leaf's gradient (loss: one f32 element). Uses the tape up: a second call is an Error(internal).
    void backward(const Tensor& loss);

    size_t entries() const { return entries_.size(); }

  private:
    friend void record(Context&, std::string_view, std::vector<Tensor>, std::vector<Tensor*>, BackwardFunction);
    struct Entry {
        std::string_view name;
        std::vector<std::shared_ptr<GradientSlot>> inputs, outputs;
        BackwardFunction backward;
    };
    Context& context_;
    std::vector<Entry> entries_;
    bool used_ = false;
};

// For operators: notes on the recording tape that `outputs` came from `inputs`. Does nothing (and drops `backward`) when no
// tape records or no input requires a gradient. `name` must outlive the tape (a literal).
void record(Context& context, std::string_view name, std::vector<Tensor> inputs, std::vector<Tensor*> outputs,
            BackwardFunction backward);

// Whether record() would keep an entry for these inputs: lets an operator skip what only its backward pass needs.
bool recording(const Context& context, std::initializer_list<const Tensor*> inputs);

// Nothing is recorded while one of these lives.
class NoGrad {
  public:
    explicit NoGrad(Context& context) : context_(context), tape_(context.tape()) { context.set_tape(nullptr); }
    ~NoGrad() { context_.set_tape(tape_); }
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;

  private:
    Context& context_;
    Tape* tape_;
};

}  // namespace cmtl
