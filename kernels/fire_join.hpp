#pragma once
// Launchers of a fire module's end: y = relu(concat(batch_norm(e1), batch_norm(e3)) + bypass), and its backward pass. Pointers are device
// memory; e1 and e3 are (rows, C1) and (rows, C3) matrices, what is joined is (rows, C1 + C3).
#include "kernels/batch_norm3d.hpp"
#include "kernels/target.hpp"

namespace cmtl::kernels {

struct FireJoinForwardArguments {
    BatchNorm3dForwardArguments one, three;  // of which relu and y are not looked at; the number of rows and `training` are equal
    const float* bypass;                     // nullptr: none
    float* y;
};
// Bit by bit what batch norm, concatenation, addition and ReLU give one after the other.
template <class Target>
void fire_join_forward(Stream stream, const FireJoinForwardArguments& a);

struct FireJoinBackwardArguments {
    BatchNorm3dBackwardArguments one, three;  // of which relu and dy are not looked at; dx may be x
    const float* dy;
    const float* y;  // forward's result; looked at with a bypass only
    float* dbypass;  // may be dy; nullptr: there was no bypass
};
template <class Target>
void fire_join_backward(Stream stream, const FireJoinBackwardArguments& a);

}  // namespace cmtl::kernels
