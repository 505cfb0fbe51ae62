#include "engine/gpu/device_allocator.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/error.hpp"
#include "engine/context.hpp"

namespace cmtl {
namespace {

constexpr size_t mega = size_t{1} << 20;

std::shared_ptr<kernels::Runtime> device(size_t memory = 0) { return kernels::simt_runtime({.memory = memory}); }

TEST(DeviceAllocator, BlocksAreAlignedDisjointAndComeBack) {
    DeviceAllocator allocator(device());
    std::mt19937 draw(1);
    struct Held {
        Allocator::Block block;
        size_t bytes;
        uint8_t mark;
    };
    std::vector<Held> held;
    for (int i = 0; i < 600; ++i) {
        if (held.size() > 20 || (draw() % 3 == 0 && !held.empty())) {
            const size_t k = draw() % held.size();
            for (size_t b = 0; b < held[k].bytes; b += 97) ASSERT_EQ(held[k].block.data[b], std::byte{held[k].mark});
            allocator.release(held[k].block);
            held.erase(held.begin() + static_cast<std::ptrdiff_t>(k));
        } else {
            const size_t bytes = draw() % 5 == 0 ? draw() % (3 * mega) + 1 : draw() % 5000 + 1;
            const auto mark = static_cast<uint8_t>(draw());
            held.push_back({allocator.allocate(bytes), bytes, mark});
            EXPECT_EQ(reinterpret_cast<uintptr_t>(held.back().block.data) % 256, 0u);
            std::memset(held.back().block.data, mark, bytes);  // simt's device memory is the host's
        }
    }
    for (const Held& h : held) allocator.release(h.block);
    EXPECT_EQ(allocator.in_use(), 0u);
    // Everything merged again: the largest chunk is one hole.
    const size_t before = allocator.reserved();
    allocator.release(allocator.allocate(60 * mega));
    EXPECT_LE(allocator.reserved(), before + 64 * mega);
    allocator.trim();
    EXPECT_EQ(allocator.reserved(), 0u);
}

TEST(DeviceAllocator, OutOfMemoryNamesRequestMarkAndRemedy) {
    DeviceAllocator allocator(device(100 * mega));
    const auto kept = allocator.allocate(40 * mega);
    try {
        allocator.allocate(70 * mega);
        ADD_FAILURE() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::resource);
        for (const char* part : {"73400320 bytes were asked for", "41943040 in use", "high-water mark 41943040", "lower the batch size"})
            EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
    }
    // What is free is given back to the device before it gives up.
    allocator.release(kept);
    const auto whole = allocator.allocate(90 * mega);
    allocator.release(whole);
}

TEST(DeviceAllocator, AContextReportsItsDevice) {
    Context context({.device = parse_device("simt"), .memory_limit = 8 * mega});
    try {
        context.empty({4, 1024, 1024});
        ADD_FAILURE() << "no error";
    } catch (const Error& error) {
        EXPECT_NE(std::string_view(error.what()).find("out of memory on simt"), std::string_view::npos) << error.what();
    }
}

// What a recording used stays its own: a replay writes there.
TEST(DeviceAllocator, RecordedBlocksAreNotGivenToOthers) {
    DeviceAllocator allocator(device());
    const auto plain = allocator.allocate(1000);
    allocator.set_recording(true);
    const auto first = allocator.allocate(2 * mega), second = allocator.allocate(100);
    allocator.release(second);
    allocator.set_recording(false);
    allocator.release(first);
    const auto later = allocator.allocate(2 * mega), small = allocator.allocate(100);
    EXPECT_NE(later.data, first.data);
    EXPECT_NE(small.data, second.data);
    allocator.set_recording(true);
    const auto again = allocator.allocate(2 * mega);
    EXPECT_EQ(again.data, first.data);
    allocator.set_recording(false);
    for (const auto& block : {plain, later, small, again}) allocator.release(block);
    EXPECT_EQ(allocator.in_use(), 0u);
}

TEST(DeviceAllocator, TensorsGoThereAndComeBack) {
    Context context({.device = parse_device("simt")});
    std::vector<float> values(3 * 1000 * 1000);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1013);
    const Tensor t = context.from<float>({3, 1000, 1000}, values);  // more than one piece of the staging memory
    EXPECT_EQ(context.to_vector<float>(t), values);
    EXPECT_EQ(context.to_vector<float>(t.narrow(1, 2)), std::vector<float>(values.begin() + 1000000, values.begin() + 2000000));
    EXPECT_EQ(context.to_vector<float>(context.copy(t)), values);
    EXPECT_EQ(context.to_vector<float>(context.to_host(t)), values);
    EXPECT_EQ(context.to_vector<float>(context.to_device(context.to_host(t))), values);
    EXPECT_THROW(t.data<float>(), Error);
    EXPECT_THROW(context.host().zeros({2}).device_data<float>(), Error);
}

}  // namespace
}  // namespace cmtl
