#pragma once
// A JSON tree of settings that is changed from outside: by configuration files and by --set key=value.
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

// Every key has a default, which fixes its type: numbers take numbers (an integer setting only whole ones), arrays take
// arrays of the same kind, null takes null or a number. Everything else is Error(usage) that names the key, the value,
// where it came from, and for an unknown key the nearest known ones.
class ConfigTree {
  public:
    explicit ConfigTree(nlohmann::json defaults) : tree_(std::move(defaults)) {}

    // Overlays a (partial) tree; `source` is a file's name.
    void merge(const nlohmann::json& tree, const std::string& source);
    // "train.lr=0.01". Values are JSON; text needs no quotes, and lists no brackets: "augment.noise_sd=2.5,10".
    void set(std::string_view assignment);

    const nlohmann::json& tree() const { return tree_; }
    // Whether merge() or set() named this key or something below it.
    bool was_set(const std::string& key) const;
    // All keys, "train.lr" and so on.
    std::vector<std::string> keys() const;

  private:
    void assign(const std::string& key, const nlohmann::json& value, const std::string& source);
    void overlay(const nlohmann::json& tree, const std::string& prefix, const std::string& source);
    [[noreturn]] void unknown(const std::string& key, const std::string& source) const;

    nlohmann::json tree_;
    std::set<std::string> set_;
};

// The first key whose value differs between two trees, as "key: A here, B there"; empty when they are equal.
std::string first_difference(const nlohmann::json& a, const nlohmann::json& b, const std::string& prefix = "");

}  // namespace cmtl
