#pragma once
// numpy's .npy files, little-endian and in C order, as tests need them.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace cmtl::test {

template <class T>
struct NpyArray {
    std::vector<size_t> shape;
    std::vector<T> values;
};

// Throws std::runtime_error where the file is not an array of a type that T holds.
template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (content.size() < 10 || content.compare(0, 6, "\x93NUMPY") != 0)
        throw std::runtime_error(path.string() + ": not .npy");
    const size_t length = static_cast<unsigned char>(content[8]) + 256u * static_cast<unsigned char>(content[9]);
    const std::string header = content.substr(10, length);
    if (header.find("'fortran_order': False") == std::string::npos)
        throw std::runtime_error(path.string() + ": not in C order");
    std::smatch type, sizes;
    if (!std::regex_search(header, type, std::regex("'descr': '[<|]([a-z][0-9])'")) ||
        !std::regex_search(header, sizes, std::regex("'shape': \\(([^)]*)\\)")))
        throw std::runtime_error(path.string() + ": " + header);
    NpyArray<T> array;
    size_t count = 1;
    const std::string text = sizes[1];
    const std::regex number("[0-9]+");
    for (std::sregex_iterator i(text.begin(), text.end(), number), end; i != end; ++i) {
        array.shape.push_back(std::stoul(i->str()));
        count *= array.shape.back();
    }
    const char* data = content.data() + 10 + length;
    const auto take = [&](auto zero) {
        if (content.size() < 10 + length + count * sizeof(zero))
            throw std::runtime_error(path.string() + ": too short");
        for (size_t i = 0; i < count; ++i) {
            std::memcpy(&zero, data + i * sizeof(zero), sizeof(zero));
            array.values.push_back(static_cast<T>(zero));
        }
    };
    if (type[1] == "u1")
        take(uint8_t{});
    else if (type[1] == "b1")
        take(uint8_t{});
    else if (type[1] == "i2")
        take(int16_t{});
    else if (type[1] == "u2")
        take(uint16_t{});
    else if (type[1] == "i4")
        take(int32_t{});
    else if (type[1] == "i8")
        take(int64_t{});
    else if (type[1] == "f4")
        take(float{});
    else if (type[1] == "f8")
        take(double{});
    else
        throw std::runtime_error(path.string() + ": type " + type[1].str());
    return array;
}

}  // namespace cmtl::test
