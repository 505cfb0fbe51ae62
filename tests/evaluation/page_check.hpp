#pragma once
// What every page of ours has to be: well-formed, complete in itself, and readable without seeing it.
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace cmtl::test {

// Every element that opens closes again, in order; attributes are quoted with '; returns what is wrong, or nothing.
inline std::string markup_fault(const std::string& html) {
    static const std::set<std::string> alone{"!doctype", "meta", "img", "wbr"};
    std::vector<std::string> open;
    for (size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
        const size_t end = html.find('>', at);
        if (end == std::string::npos) return "no end of " + html.substr(at, 40);
        const std::string tag = html.substr(at + 1, end - at - 1);
        if (tag.find('<') != std::string::npos) return "a bare < before " + tag;
        const std::string name =
            tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" /", 1) - (tag[0] == '/' ? 1 : 0));
        if (tag[0] == '/') {
            if (open.empty() || open.back() != tag.substr(1))
                return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
            open.pop_back();
        } else if (tag.back() != '/' && !alone.contains(name)) {
            open.push_back(name);
        }
        if (tag == "style") at = html.find("</style>", at) - 1;
    }
    return open.empty() ? "" : "left open: " + open.back();
}

// The pieces of `html` from each `begin` to the `end` after it, both inside.
inline std::vector<std::string> pieces(const std::string& html, const std::string& begin, const std::string& end) {
    std::vector<std::string> found;
    for (size_t at = html.find(begin); at != std::string::npos; at = html.find(begin, at + 1)) {
        const size_t stop = html.find(end, at + begin.size());
        if (stop == std::string::npos) break;
        found.push_back(html.substr(at, stop + end.size() - at));
    }
    return found;
}

inline size_t count_of(const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

// All that is wrong with a page.
inline std::vector<std::string> page_faults(const std::string& html) {
    std::vector<std::string> faults;
    const auto expect = [&](bool good, const std::string& what) {
        if (!good) faults.push_back(what);
    };
    const std::string markup = markup_fault(html);
    expect(markup.empty(), markup);
    expect(html.starts_with("<!doctype html>"), "no doctype");
    for (const char* element : {"<title>", "<h1>", "<main>", "<html lang='en'>"})
        expect(html.find(element) != std::string::npos, std::string("no ") + element);
    // Nothing is fetched.
    for (const char* outside : {"<script", "<link", "<iframe", "@import", "url(", "http:", "https:", "srcset"})
        expect(html.find(outside) == std::string::npos, std::string("holds ") + outside);
    for (const std::string& tag : pieces(html, " src='", "'"))
        expect(tag.starts_with(" src='data:image/png;base64,"), "fetches " + tag.substr(0, 60));
    for (const std::string& tag : pieces(html, " href='", "'"))
        expect(tag.starts_with(" href='#"), "leads to " + tag.substr(0, 60));
    std::set<std::string> ids;
    for (const std::string& id : pieces(html, " id='", "'")) expect(ids.insert(id).second, "twice: " + id);
    for (const std::string& tag : pieces(html, "<img", ">"))
        expect(std::regex_search(tag, std::regex("alt='[^']+'")), "an image without alt");
    // Charts: a title, labels of both axes, and their legend next to them.
    for (const std::string& svg : pieces(html, "<svg", "</svg><div")) {
        const std::string head = svg.substr(0, 300);
        expect(head.find("role='img'") != std::string::npos, "no role: " + head);
        expect(std::regex_search(head, std::regex("<svg[^>]*><title>[^<]+</title>")), "no title: " + head);
        expect(count_of(svg, "<text class='label'") >= 2, "no axis labels: " + head);
        expect(!std::regex_search(svg, std::regex("<text class='label'[^>]*></text>")), "an empty label: " + head);
    }
    expect(count_of(html, "<svg") == count_of(html, "</svg><div class='legend'><span>"), "a chart without a legend");
    // Tables: every row has a heading cell, and heading cells say what they head.
    for (const std::string& row : pieces(html, "<tr", "</tr>"))
        expect(row.find("<th scope='") != std::string::npos, "a row without heading: " + row.substr(0, 120));
    expect(html.find("<th>") == std::string::npos, "a heading cell without scope");
    for (const char* number : {">nan<", ">inf<", ">-inf<", "'nan", ">-nan<"})
        expect(html.find(number) == std::string::npos, std::string("shows ") + number);
    return faults;
}

}  // namespace cmtl::test
