// safetensors files: against the format's own library (tests/oracles/safetensors_oracle.py), and damaged in every way.
#include "engine/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oracles/golden.hpp"

namespace cmtl {
namespace {

class SafetensorsTest : public ::testing::Test {
  protected:
    SafetensorsTest() {
        folder_ =
            fs::temp_directory_path() /
            fmt::format("cmtl-{}-{}", ::testing::UnitTest::GetInstance()->current_test_info()->name(), ::getpid());
        make_folder(folder_);
    }
    ~SafetensorsTest() override { fs::remove_all(folder_); }

    fs::path file(const std::string& name = "t.safetensors") const { return folder_ / name; }

    // A file with this header and so many bytes of data; `claimed`: another header length than the true one.
    fs::path make(const std::string& header, size_t data_bytes, uint64_t claimed = 0) const {
        const uint64_t length = claimed ? claimed : header.size();
        std::string content(8, '\0');
        std::memcpy(content.data(), &length, 8);
        std::ofstream(file(), std::ios::binary | std::ios::trunc) << content << header << std::string(data_bytes, 'x');
        return file();
    }

    void expect_refusal(const fs::path& path, const std::string& part) {
        try {
            read_safetensors(context_, path);
            ADD_FAILURE() << "was read, expected: " << part;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos) << error.what();
        }
    }

    Context context_;
    fs::path folder_;
};

TEST_F(SafetensorsTest, ReadsWhatPythonWrote) {
    const Safetensors read = read_safetensors(context_, golden::path_of("python.safetensors"));
    EXPECT_EQ(read.metadata, (Metadata{{"who", "python"}, {"text", "quotes \" and \u00e9"}}));
    ASSERT_EQ(read.tensors.size(), 10u);

    const Tensor& f32 = *read.find("f32");
    EXPECT_EQ(f32.shape(), (Shape{2, 3}));
    EXPECT_EQ(context_.to_vector<float>(f32), (std::vector<float>{1.5f, -2.25f, INFINITY, 0.0f, 1e-45f, -3e38f}));
    // Half precision comes widened: normal, largest, smallest subnormal, infinite, a third, minus zero.
    const std::vector<float> f16 = context_.to_vector<float>(*read.find("f16"));
    EXPECT_EQ(f16, (std::vector<float>{1.0f, -0.5f, 65504.0f, 0x1p-24f, -INFINITY, 0.333251953125f, -0.0f}));
    EXPECT_TRUE(std::signbit(f16.back()));
    const Tensor& bf16 = *read.find("bf16");
    ASSERT_EQ(bf16.dtype(), Dtype::bf16);
    EXPECT_EQ(static_cast<float>(bf16.data<Bf16>()[1]), -3.140625f);
    EXPECT_EQ(context_.to_vector<double>(*read.find("f64")), (std::vector<double>{0.1, -1e300}));
    EXPECT_EQ(context_.to_vector<int32_t>(*read.find("i32")), (std::vector<int32_t>{INT32_MIN, INT32_MAX}));
    EXPECT_EQ(context_.to_vector<int64_t>(*read.find("i64")), (std::vector<int64_t>{INT64_MIN, INT64_MAX}));
    EXPECT_EQ(context_.to_vector<uint8_t>(*read.find("u8")), (std::vector<uint8_t>{0, 255, 7}));
    EXPECT_EQ(read.find("scalar")->rank(), 0);
    EXPECT_EQ(read.find("scalar")->data<int64_t>()[0], 42);
    EXPECT_EQ(read.find("empty")->shape(), (Shape{3, 0, 2}));
    EXPECT_EQ(read.find("conv \"q\" \u00e9")->shape(), (Shape{1, 2, 2, 2, 3}));
    EXPECT_EQ(read.find("absent"), nullptr);
}

TEST_F(SafetensorsTest, WritesWhatItReads) {
    const Safetensors first = read_safetensors(context_, golden::path_of("python.safetensors"));
    write_safetensors(file(), first.tensors, first.metadata);
    if (const char* keep = std::getenv("CMTL_KEEP")) write_safetensors(keep, first.tensors, first.metadata);
    const Safetensors second = read_safetensors(context_, file());
    EXPECT_EQ(second.metadata, first.metadata);
    ASSERT_EQ(second.tensors.size(), first.tensors.size());
    for (size_t i = 0; i < first.tensors.size(); ++i) {
        const auto& [name, tensor] = first.tensors[i];
        EXPECT_EQ(second.tensors[i].first, name);
        EXPECT_EQ(second.tensors[i].second.shape(), tensor.shape()) << name;
        ASSERT_EQ(second.tensors[i].second.dtype(), tensor.dtype()) << name;
        EXPECT_EQ(std::memcmp(second.tensors[i].second.raw(), tensor.raw(), tensor.bytes()), 0) << name;
    }
}

TEST_F(SafetensorsTest, DataBeginsAlignedAndDoesNotDependOnMetadata) {
    const NamedTensors tensors{{"b", context_.full({3}, 1.5f)}, {"a", context_.full({2, 2}, -2.0f)}};
    write_safetensors(file("plain"), tensors);
    write_safetensors(file("more"), tensors, {{"note", "a longer header"}});
    const std::string plain = read_file(file("plain")), more = read_file(file("more"));
    uint64_t length = 0;
    std::memcpy(&length, plain.data(), 8);
    EXPECT_EQ(length % 8, 0u);
    EXPECT_EQ(plain.size(), 8 + length + 28);
    EXPECT_EQ(plain.substr(plain.size() - 28), more.substr(more.size() - 28));
    const Safetensors read = read_safetensors(context_, file("plain"));
    EXPECT_EQ(read.tensors[0].first, "b");  // the order given
    EXPECT_TRUE(read.metadata.empty());
}

TEST_F(SafetensorsTest, NoTensorsAtAll) {
    write_safetensors(file(), {}, {{"only", "metadata"}});
    const Safetensors read = read_safetensors(context_, file());
    EXPECT_TRUE(read.tensors.empty());
    EXPECT_EQ(read.metadata.at("only"), "metadata");
}

TEST_F(SafetensorsTest, RefusesToWriteANameTwice) {
    const Tensor t = context_.zeros({1});
    try {
        write_safetensors(file(), {{"a", t}, {"a", t}});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::internal);
    }
    EXPECT_FALSE(fs::exists(file()));
}

TEST_F(SafetensorsTest, FailedWriteLeavesNothing) {
    EXPECT_THROW(write_safetensors(folder_ / "no" / "folder" / "t", {{"a", context_.zeros({1})}}), Error);
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SafetensorsTest, DamagedFilesAreNamed) {
    expect_refusal(file("missing"), "missing");
    write_file(file(), "short");
    expect_refusal(file(), "not a safetensors file: 5 bytes");
    write_file(file(), "");
    expect_refusal(file(), "not a safetensors file");
    expect_refusal(make("{}", 0, 1 << 20), "truncated: the header has 1048576 bytes");
    expect_refusal(make("{}", 0, uint64_t{1} << 62), "not a safetensors file: its header would have");
    expect_refusal(make("PK zip", 4), "does not start with");
    expect_refusal(make("{\"a\":", 0), "not JSON");
    expect_refusal(make("{\"a\":\"\xff\xfe\"}", 0), "not JSON");
    expect_refusal(make(R"({"a":[1]})", 0), "dtype, shape and data_offsets");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "dtype, shape and data_offsets");
    expect_refusal(make(R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8), "dtype \"C64\"");
    expect_refusal(make(R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}})", 4), "dtype 5");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "no memory can hold");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4), "no memory can hold");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})", 4),
                   "no memory can hold");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4), "at most 6 sizes");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7), "truncated or damaged");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[9007199254740992],"data_offsets":[0,36028797018963968]}})", 8),
                   "truncated or damaged");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "of shape 2 need 8");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "two rising byte positions");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                        R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                        6),
                   "tensor 'b' overlaps");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8), "in front of tensor 'a'");
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 9), "5 bytes behind the last");
    expect_refusal(make(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                        R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                        2),
                   "names 'a' twice");
    expect_refusal(make(R"({"__metadata__":{"k":1}})", 0), "metadata 'k' is not a string");
    expect_refusal(make(R"({"__metadata__":[]})", 0), "__metadata__ is not");
    expect_refusal(folder_, "");
    // Deep nesting must not exhaust the stack.
    const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
    expect_refusal(make(R"({"a":{"dtype":"F32","shape":)" + deep + R"(,"data_offsets":[0,4]}})", 4),
                   "no memory can hold");
    expect_refusal(make(R"({"a":{"dtype":)" + deep + R"(,"shape":[1],"data_offsets":[0,4]}})", 4), "nested values");
}

TEST_F(SafetensorsTest, TruncationsAreRefused) {
    const std::string whole = read_file(golden::path_of("python.safetensors"));
    for (size_t length = 0; length < whole.size(); length += length < 16 ? 1 : 9) {
        std::ofstream(file(), std::ios::binary | std::ios::trunc) << whole.substr(0, length);
        EXPECT_THROW(read_safetensors(context_, file()), Error) << length;
    }
}

TEST_F(SafetensorsTest, ChannelsMoveBothWays) {
    const Shape last{2, 3, 4, 5, 7}, first{2, 7, 3, 4, 5};
    std::vector<float> values(static_cast<size_t>(last.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const Tensor x = context_.from<float>(last, values), y = to_channels_first(context_, x);
    ASSERT_EQ(y.shape(), first);
    for (int64_t n = 0; n < 2; ++n)
        for (int64_t s = 0; s < 60; ++s)
            for (int64_t c = 0; c < 7; ++c)
                ASSERT_EQ(y.data<float>()[(n * 7 + c) * 60 + s], x.data<float>()[(n * 60 + s) * 7 + c]);
    const Tensor back = to_channels_last(context_, y);
    EXPECT_EQ(back.shape(), last);
    EXPECT_EQ(context_.to_vector<float>(back), values);

    const Tensor wide = to_channels_first(context_, context_.cast(x, Dtype::f64));
    EXPECT_EQ(context_.to_vector<float>(context_.cast(wide, Dtype::f32)), context_.to_vector<float>(y));
    EXPECT_EQ(to_channels_first(context_, context_.zeros({4, 3})).shape(), (Shape{4, 3}));
    EXPECT_EQ(to_channels_first(context_, context_.zeros({4, 2, 2, 2, 1})).shape(), (Shape{4, 1, 2, 2, 2}));
}

}  // namespace
}  // namespace cmtl
