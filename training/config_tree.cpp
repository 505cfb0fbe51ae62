#include "training/config_tree.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/near_matches.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
std::string kind(const json& value) {
    if (value.is_number_integer()) return "a whole number";
    if (value.is_number()) return "a number";
    if (value.is_boolean()) return "true or false";
    if (value.is_string()) return "text";
    if (value.is_array()) return "a list";
    if (value.is_null()) return "a number or null";
    return "a group of settings";
}

// `value` made to fit the default's type, or null when it does not fit (`ok` tells).
json fitted(const json& like, const json& value, bool& ok) {
    ok = true;
    if (like.is_number_float() && value.is_number()) return value.get<double>();
    if (like.is_number_integer() && value.is_number_integer()) return value.get<int64_t>();
    if (like.is_boolean() && value.is_boolean()) return value;
    if (like.is_string() && value.is_string()) return value;
    if (like.is_null() && (value.is_null() || value.is_number()))
        return value.is_null() ? value : json(value.get<double>());
    if (like.is_array() && value.is_array()) {
        json out = json::array();
        for (const json& element : value) {
            bool good = element.is_object() || element.is_number();
            const json pattern = like.empty() ? (element.is_number() ? json(0.0) : element) : like.front();
            out.push_back(pattern.is_object() ? element : fitted(pattern, element, good));
            if (pattern.is_object()) good = element.is_object();
            ok = ok && good;
        }
        return out;
    }
    ok = false;
    return nullptr;
}

const json* look_up(const json& tree, const std::string& key) {
    const json* at = &tree;
    for (size_t begin = 0; begin <= key.size();) {
        const size_t end = std::min(key.find('.', begin), key.size());
        const auto it = at->is_object() ? at->find(key.substr(begin, end - begin)) : at->end();
        if (!at->is_object() || it == at->end()) return nullptr;
        at = &*it;
        begin = end + 1;
    }
    return at;
}

void leaves(const json& tree, const std::string& prefix, std::vector<std::string>& out) {
    for (const auto& [name, value] : tree.items()) {
        const std::string key = prefix.empty() ? name : prefix + "." + name;
        if (value.is_object())
            leaves(value, key, out);
        else
            out.push_back(key);
    }
}
}  // namespace

std::string first_difference(const json& a, const json& b, const std::string& prefix) {
    if (a == b) return "";
    if (!a.is_object() || !b.is_object()) return fmt::format("{}: {} here, {} there", prefix, a.dump(), b.dump());
    for (const auto* tree : {&a, &b})
        for (const auto& [name, value] : tree->items()) {
            const std::string key = prefix.empty() ? name : prefix + "." + name;
            const json left = a.value(name, json()), right = b.value(name, json());
            if (left != right) return first_difference(left, right, key);
        }
    return "";
}

std::vector<std::string> ConfigTree::keys() const {
    std::vector<std::string> out;
    leaves(tree_, "", out);
    return out;
}

bool ConfigTree::was_set(const std::string& key) const {
    const auto it = set_.lower_bound(key);
    return it != set_.end() && (*it == key || it->rfind(key + ".", 0) == 0);
}

void ConfigTree::unknown(const std::string& key, const std::string& source) const {
    std::string hint = near_matches(key, keys());
    if (hint.empty()) hint = "the settings are listed in a run's config.json and by --help-config";
    fail(ErrorKind::usage, "config", "{}: unknown setting '{}': {}", source, key, hint);
}

void ConfigTree::assign(const std::string& key, const json& value, const std::string& source) {
    const json* like = look_up(tree_, key);
    if (!like) unknown(key, source);
    bool ok = !like->is_object();
    const json good = ok ? fitted(*like, value, ok) : json();
    if (!ok) fail(ErrorKind::usage, "config", "{}: {} takes {}, not {}", source, key, kind(*like), value.dump());
    *const_cast<json*>(like) = good;  // look_up is shared with const callers; the tree is ours
    set_.insert(key);
}

void ConfigTree::overlay(const json& tree, const std::string& prefix, const std::string& source) {
    for (const auto& [name, value] : tree.items()) {
        const std::string key = prefix.empty() ? name : prefix + "." + name;
        const json* like = look_up(tree_, key);
        if (like && like->is_object() && value.is_object())
            overlay(value, key, source);
        else
            assign(key, value, source);
    }
}

void ConfigTree::merge(const json& tree, const std::string& source) {
    if (!tree.is_object()) fail(ErrorKind::usage, "config", "{}: a configuration is a JSON object of settings", source);
    overlay(tree, "", source);
}

void ConfigTree::set(std::string_view assignment) {
    const size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        fail(ErrorKind::usage, "config", "--set {}: write it as key=value, for example --set train.lr=0.01",
             assignment);
    const std::string key(assignment.substr(0, equals)), text(assignment.substr(equals + 1));
    const json* like = look_up(tree_, key);
    if (!like) unknown(key, "--set");
    json value;
    if (like->is_string()) {
        value = text;
        if (text.size() > 1 && text.front() == '"') value = json::parse(text, nullptr, false);
    } else {
        const bool bare_list = like->is_array() && (text.empty() || (text.front() != '[' && text.front() != '{'));
        value = json::parse(bare_list ? "[" + text + "]" : text, nullptr, false);
    }
    if (value.is_discarded()) value = text;
    assign(key, value, "--set");
}

}  // namespace cmtl
