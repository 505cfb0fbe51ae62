// The entries of the lists, run on simt with libraries that play cuDNN and cuBLASLt: operands in their places, and the
// gradient of the bias beside them. On small integers every implementation gives the same bits.
#include "engine/gpu/conv3d_cudnn.hpp"

#include <gtest/gtest.h>

#include "engine/environment.hpp"
#include "engine/gpu/cudnn.hpp"
#include "engine/gpu/linear_cublaslt.hpp"
#include "engine/operators/conv3d_problem.hpp"

namespace cmtl {
namespace {

class LibraryEntries : public testing::Test {
  protected:
    LibraryEntries()
        : cudnn_("CMTL_CUDNN_LIBRARY", CMTL_FAKE_CUDNN),
          cublaslt_("CMTL_CUBLASLT_LIBRARY", CMTL_FAKE_CUBLASLT),
          device_({.device = {Device::Kind::simt, 0}}) {}

    // Small integers on both sides.
    Tensor host(const Shape& shape, int seed) {
        std::vector<float> v;
        for (int64_t i = 0; i < shape.count(); ++i) v.push_back(static_cast<float>((i * 7 + seed) * 31 % 11 % 3 - 1));
        return host_.from<float>(shape, v);
    }
    Tensor device(const Tensor& t) { return device_.from<float>(t.shape(), host_.to_vector<float>(t)); }
    void expect_equal(const Tensor& on_device, const Tensor& on_host) {
        EXPECT_EQ(device_.to_vector<float>(on_device), host_.to_vector<float>(on_host));
    }

    Environment cudnn_, cublaslt_;
    Context host_, device_;
};

TEST_F(LibraryEntries, ConvolveAsTheCpuDoes) {
    const Conv3dProblem problems[] = {{2, 3, 4, 5, 4, 3, 3, 1, 1, Dtype::f32},
                                      {1, 5, 4, 3, 4, 6, 3, 2, 1, Dtype::f32},
                                      {2, 3, 4, 5, 6, 4, 1, 1, 0, Dtype::f32}};
    for (const Conv3dProblem& p : problems)
        for (size_t entry : {0u, 1u}) {
            if (entry == 0 && !p.pointwise()) continue;  // cuBLASLt multiplies matrices
            SCOPED_TRACE(p.text() + (entry ? ", cudnn" : ", cublaslt"));
            const Tensor x = host(p.x_shape(), 1), weight = host(p.weight_shape(), 2), bias = host({p.out}, 3),
                         dy = host(p.y_shape(), 4);
            const Tensor y = host_.empty(p.y_shape()), dx = host_.empty(p.x_shape()),
                         dweight = host_.empty(p.weight_shape()), dbias = host_.empty({p.out});
            run_first(host_, "conv3d", cpu_conv3d_forward(), p, x, weight, bias, y);
            run_first(host_, "conv3d", cpu_conv3d_backward_data(), p, dy, weight, dx);
            run_first(host_, "conv3d", cpu_conv3d_backward_weights(), p, x, dy, dweight, dbias);

            const Tensor got_y = device_.full(p.y_shape(), -99), got_dx = device_.full(p.x_shape(), -99),
                         got_dweight = device_.full(p.weight_shape(), -99), got_dbias = device_.full({p.out}, -99);
            library_conv3d_forward().at(entry).run(device_, p, device(x), device(weight), device(bias), got_y);
            expect_equal(got_y, y);
            library_conv3d_backward_data().at(entry).run(device_, p, device(dy), device(weight), got_dx);
            expect_equal(got_dx, dx);
            library_conv3d_backward_weights().at(entry).run(device_, p, device(x), device(dy), got_dweight, got_dbias);
            expect_equal(got_dweight, dweight);
            expect_equal(got_dbias, dbias);

            run_first(host_, "conv3d", cpu_conv3d_forward(), p, x, weight, Tensor(), y);
            library_conv3d_forward().at(entry).run(device_, p, device(x), device(weight), Tensor(), got_y);
            expect_equal(got_y, y);
            library_conv3d_backward_weights().at(entry).run(device_, p, device(x), device(dy), got_dweight, Tensor());
            expect_equal(got_dweight, dweight);
        }
}

TEST_F(LibraryEntries, MultiplyLinearLayersAsTheCpuDoes) {
    const LinearProblem p{5, 7, 3};
    const Tensor x = host({5, 7}, 1), weight = host({3, 7}, 2), bias = host({3}, 3), dy = host({5, 3}, 4);
    const Tensor y = host_.empty({5, 3}), dx = host_.empty({5, 7}), dweight = host_.empty({3, 7}),
                 dbias = host_.empty({3});
    const Tensor got_y = device_.full({5, 3}, -99), got_dx = device_.full({5, 7}, -99),
                 got_dweight = device_.full({3, 7}, -99), got_dbias = device_.full({3}, -99);
    for (const bool with_bias : {true, false}) {
        run_first(host_, "linear", cpu_linear_forward(), p, x, weight, with_bias ? bias : Tensor(), y);
        library_linear_forward().at(0).run(device_, p, device(x), device(weight), with_bias ? device(bias) : Tensor(),
                                           got_y);
        expect_equal(got_y, y);
    }
    run_first(host_, "linear", cpu_linear_backward(), p, x, weight, dy, dx, dweight, dbias);
    library_linear_backward().at(0).run(device_, p, device(x), device(weight), device(dy), got_dx, got_dweight,
                                        got_dbias);
    expect_equal(got_dx, dx);
    expect_equal(got_dweight, dweight);
    expect_equal(got_dbias, dbias);
    library_linear_backward().at(0).run(device_, p, device(x), device(weight), device(dy), Tensor(), Tensor(),
                                        Tensor());  // none wanted
}

TEST_F(LibraryEntries, AContextOpensItsOwn) {
    Context other({.device = {Device::Kind::simt, 0}});
    EXPECT_NE(&device_.cudnn(), &other.cudnn());
    EXPECT_EQ(&device_.cudnn(), &device_.cudnn());
    EXPECT_EQ(device_.cudnn().version(), 90100u);
}

}  // namespace
}  // namespace cmtl
