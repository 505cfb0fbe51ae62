#include "engine/allocator.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>

#include "base/error.hpp"
#include "engine/autograd.hpp"
#include "engine/operators/batch_norm3d.hpp"
#include "engine/operators/conv3d.hpp"
#include "engine/operators/elementwise.hpp"
#include "engine/operators/linear.hpp"
#include "engine/operators/pool3d.hpp"
#include "engine/operators/softmax_cross_entropy.hpp"
#include "engine/optimiser.hpp"

namespace cmtl {

TEST(Allocator, BlocksAreAlignedAndCounted) {
    auto allocator = std::make_shared<HostAllocator>();
    EXPECT_EQ(allocator->in_use(), 0u);
    {
        const Storage a(allocator, 1), b(allocator, 1000);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(a.data()) % 64, 0u);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % 64, 0u);
        EXPECT_EQ(b.bytes(), 1000u);
        EXPECT_GE(allocator->in_use(), 1001u);
        EXPECT_LE(allocator->in_use(), 1001u + 128);
    }
    EXPECT_EQ(allocator->in_use(), 0u);
    EXPECT_GE(allocator->high_water(), 1001u);
}

TEST(Allocator, HighWaterIsTheMostHeldAtOneTime) {
    auto allocator = std::make_shared<HostAllocator>();
    const size_t mega = size_t{1} << 20;
    { const Storage a(allocator, 3 * mega); }
    { const Storage b(allocator, 2 * mega); }
    EXPECT_EQ(allocator->high_water(), 3 * mega);
    const Storage c(allocator, 2 * mega), d(allocator, 2 * mega);
    EXPECT_EQ(allocator->high_water(), 4 * mega);
    allocator->reset_high_water();
    EXPECT_EQ(allocator->high_water(), allocator->in_use());
}

TEST(Allocator, FreedBlocksAreHandedOutAgain) {
    auto allocator = std::make_shared<HostAllocator>();
    std::vector<std::unique_ptr<Storage>> blocks;
    size_t allocations = 0;
    for (int round = 0; round < 5; ++round) {
        for (size_t bytes : {100, 100000, 5000, 20000000, 100000, 9000000, 64})
            blocks.push_back(std::make_unique<Storage>(allocator, bytes));
        // Freed in another order than they were made.
        for (size_t i : {3u, 0u, 6u, 1u, 5u, 2u, 4u}) blocks[i].reset();
        blocks.clear();
        EXPECT_EQ(allocator->in_use(), 0u);
        if (round == 0) allocations = allocator->system_allocations();
        else EXPECT_EQ(allocator->system_allocations(), allocations);
    }
    // What was freed in pieces serves one request of their sum.
    const Storage whole(allocator, 200000);
    EXPECT_EQ(allocator->system_allocations(), allocations);
    allocator->trim();
    EXPECT_EQ(allocator->in_use(), 200000u + 200000u % 64);
}

TEST(Allocator, BlocksDoNotOverlap) {
    auto allocator = std::make_shared<HostAllocator>();
    std::mt19937 engine(1);
    struct Held {
        std::unique_ptr<Storage> storage;
        std::byte mark;
    };
    std::vector<Held> held;
    const auto check = [](const Held& h) {
        for (size_t i = 0; i < h.storage->bytes(); ++i)
            if (h.storage->data()[i] != h.mark) return false;
        return true;
    };
    for (int step = 0; step < 3000; ++step) {
        if (held.size() > 40 || (!held.empty() && engine() % 2)) {
            const size_t which = engine() % held.size();
            ASSERT_TRUE(check(held[which])) << "step " << step;
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
        } else {
            Held h{std::make_unique<Storage>(allocator, engine() % 5000), static_cast<std::byte>(engine() % 256)};
            for (size_t i = 0; i < h.storage->bytes(); ++i) h.storage->data()[i] = h.mark;
            held.push_back(std::move(h));
        }
    }
    for (const Held& h : held) ASSERT_TRUE(check(h));
    held.clear();
    EXPECT_EQ(allocator->in_use(), 0u);
}

TEST(Allocator, OutOfMemoryIsAnErrorThatSaysHowMuch) {
    auto allocator = std::make_shared<HostAllocator>();
    const Storage held(allocator, 4096);
    for (size_t bytes : {size_t{1} << 62, std::numeric_limits<size_t>::max(), std::numeric_limits<size_t>::max() - 64}) {
        try {
            const Storage impossible(allocator, bytes);
            ADD_FAILURE() << bytes << " bytes were handed out";
        } catch (const Error& e) {
            EXPECT_EQ(e.kind(), ErrorKind::resource);
            for (const std::string& part : {std::to_string(bytes), std::string("4096 in use")})
                EXPECT_NE(std::string_view(e.what()).find(part), std::string_view::npos) << e.what();
        }
    }
    EXPECT_EQ(allocator->in_use(), 4096u);
    EXPECT_NO_THROW(Storage(allocator, 4096));
}

TEST(Allocator, ALimitHoldsAndWhatIsFreedCountsAgain) {
    const size_t mega = size_t{1} << 20;
    auto allocator = std::make_shared<HostAllocator>(64 * mega);
    auto first = std::make_unique<Storage>(allocator, 40 * mega);
    EXPECT_THROW(Storage(allocator, 40 * mega), Error);
    EXPECT_EQ(allocator->in_use(), 40 * mega);
    first.reset();
    EXPECT_NO_THROW(Storage(allocator, 60 * mega));
    EXPECT_THROW(Storage(allocator, 80 * mega), Error);
    EXPECT_EQ(allocator->in_use(), 0u);
}

// A training loop that has warmed up asks the system for nothing more, and its memory does not grow.
TEST(Allocator, TrainingStepsReachASteadyState) {
    Context context;
    const auto leaf = [&](const Shape& shape, float value) {
        Tensor t = context.full(shape, value);
        for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] += 0.01f * static_cast<float>(i % 7);
        return t.set_requires_grad();
    };
    NamedTensors parameters{{"conv", leaf({16, 3, 3, 3, 1}, 0.1f)}, {"scale", leaf({16}, 1)},         {"shift", leaf({16}, 0)},
                            {"wide", leaf({32, 3, 3, 3, 16}, 0.01f)}, {"classes", leaf({3, 32}, 0.1f)}};
    const Tensor mean = context.zeros({16}), variance = context.full({16}, 1);
    Sgd sgd(context, parameters, {});
    const Tensor volume = context.full({2, 12, 14, 10, 1}, 0.5f);
    volume.data<float>()[77] = 3;
    size_t allocations = 0, high_water = 0, in_use = 0;
    for (int step = 0; step < 12; ++step) {
        {
            Tape tape(context);
            Tensor x = conv3d(context, volume, parameters[0].second, {}, {.stride = 2, .padding = 1});
            x = batch_norm3d(context, x, parameters[1].second, parameters[2].second, mean, variance, {.training = true, .relu = true});
            x = max_pool3d(context, x);
            x = relu(context, conv3d(context, x, parameters[3].second, {}, {.padding = 1}));
            x = linear(context, global_avg_pool3d(context, x), parameters[4].second, {});
            tape.backward(softmax_cross_entropy(context, x, {0, 2}));
        }
        sgd.step(0.01);
        sgd.clear_gradients();
        if (step == 3) {
            allocations = context.allocator().system_allocations();
            high_water = context.allocator().high_water();
            in_use = context.allocator().in_use();
        }
    }
    EXPECT_EQ(context.allocator().system_allocations(), allocations);
    EXPECT_EQ(context.allocator().high_water(), high_water);
    EXPECT_EQ(context.allocator().in_use(), in_use);
}

}  // namespace cmtl
