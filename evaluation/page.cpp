#include "evaluation/page.hpp"

#include <fmt/format.h>

#include <cctype>

#include "evaluation/svg.hpp"

namespace cmtl {

namespace {
// The palette keeps its order of lightness for readers who do not see colours, and 3:1 against either background.
constexpr const char* style = R"(
:root{--bg:#f4f6f8;--card:#fff;--ink:#17212b;--muted:#5b6875;--line:#dfe5ea;--grid:#e8edf1;--accent:#1f6feb;
--warn-bg:#fff6e0;--warn-line:#e3b341;--good:#1a7f5a;
--c0:#1f6feb;--c1:#d1480a;--c2:#17875f;--c3:#8b45c9;--c4:#b0810a;--c5:#c2266b;--c6:#0e7f93;--c7:#5d6b7a}
@media(prefers-color-scheme:dark){:root{--bg:#0f1419;--card:#182028;--ink:#e6edf3;--muted:#9aa7b4;--line:#2b3640;--grid:#242e37;--accent:#58a6ff;
--warn-bg:#2d2410;--warn-line:#9e7a1e;--good:#4cc38a;
--c0:#58a6ff;--c1:#ff8a5c;--c2:#4cc38a;--c3:#c297ff;--c4:#e0b93f;--c5:#ff7eb0;--c6:#4fc4d9;--c7:#9aa7b4}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
-webkit-print-color-adjust:exact}
main{max-width:1120px;margin:0 auto;padding:28px 20px 40px}
header{margin-bottom:20px}h1{font-size:26px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:18px;margin:30px 0 10px}h3{font-size:14px;margin:0 0 8px;font-weight:600;overflow-wrap:anywhere}
.muted,header p,footer{color:var(--muted)}header p{margin:4px 0 0;overflow-wrap:anywhere}footer{margin-top:34px;font-size:13px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;min-width:0}
.grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr))}
.wide{grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
.tiles{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile b{display:block;font-size:23px;font-weight:700;font-variant-numeric:tabular-nums;line-height:1.3;overflow-wrap:anywhere}
.tile span{color:var(--muted);font-size:13px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--muted);font-size:13px}th:first-child,td:first-child{text-align:left}tbody tr:last-child>*{border-bottom:0}
tbody th{font-weight:400;color:inherit;font-size:inherit}
.scroll{overflow-x:auto}.scroll+.scroll{margin-top:22px}tr.sub>*{color:var(--muted);font-size:13.5px}tr.sub>:first-child{padding-left:26px}tr.sum>*{font-weight:600}
table.facts td,table.facts th{white-space:normal;overflow-wrap:anywhere;vertical-align:top}table.facts th{color:var(--muted);width:42%;padding-left:0}
table.facts td{text-align:left;padding-right:0}
table.compact th,table.compact td{white-space:normal;padding:6px 7px}table.compact span{white-space:nowrap}
table.names tbody th{overflow-wrap:break-word;min-width:150px}table.names tbody td{white-space:nowrap}
.note{color:var(--muted);font-size:13px;margin:8px 0 0}.grid+.grid,.card+.grid,.grid+.card,.card+.card{margin-top:14px}.grid>.card{margin-top:0}
table.confusion{width:auto}table.confusion td.n{text-align:center;min-width:62px;border:2px solid var(--card);border-radius:6px;padding:8px 6px}
table.confusion td.n.deep{color:#fff}table.confusion td.n small{display:block;opacity:.85;font-size:12px}
table.confusion th,table.confusion thead td{border:0;text-align:center;white-space:normal;padding:4px 5px;font-size:12.5px}table.confusion tbody th{color:var(--muted);font-weight:600;text-align:left;padding-left:0}
svg{display:block;width:100%;height:auto}svg.roc,svg.plot{max-width:400px;margin:0 auto}svg text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
svg text.label{font-size:12.5px}
.grid line,line.grid{stroke:var(--grid)}line.tick,line.axis{stroke:var(--muted)}line.mark{stroke:var(--muted);stroke-dasharray:4 4}
path.band{fill:var(--c0);fill-opacity:.16;stroke:none}
path.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:8px;font-size:13px;color:var(--muted)}.legend b{color:var(--ink);font-weight:600}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}
path.line{stroke:var(--c)}path.c1{stroke-dasharray:7 3}path.c2{stroke-dasharray:2 3.5}path.c3{stroke-dasharray:9 3 2 3}circle.dot{fill:var(--c)}
.timeline i,.legend i{background:var(--c)}.legend i.line{width:22px;height:0;border-radius:0;background:none;border-top:3px solid var(--c)}.legend i.line.c1,.legend i.line.c3{border-top-style:dashed}.legend i.line.c2{border-top-style:dotted}
.legend i.mark{width:22px;height:0;border-radius:0;background:none;border-top:2px dashed var(--muted)}.legend i.square{width:12px;height:12px}.legend i.band{height:10px;background:var(--c0);opacity:.25}
.legend i.boxed,.legend i.whisker{width:9px;height:13px;border-radius:0;background:none;border:1px solid var(--muted)}.legend i.whisker{border-width:1px 0}
.legend i.boxed::after{content:"";display:block;height:3px;margin-top:4px;background:var(--muted)}
.legend i.whisker::after{content:"";display:block;width:1px;height:11px;margin:0 auto;background:var(--muted)}
.box line{stroke:var(--c);stroke-width:1.4}.box rect{fill:var(--c);fill-opacity:.18;stroke:var(--c);stroke-width:1.4}.box line.median{stroke-width:3}.box circle{fill:var(--c);fill-opacity:.55}
.timeline{display:flex;gap:2px;height:20px;border-radius:5px;overflow:hidden}.timeline i{min-width:2px}
.verdict{font-size:21px;font-weight:700;line-height:1.25;margin-bottom:10px}
.bar{display:grid;grid-template-columns:1fr auto;gap:2px 10px;margin:9px 0 0;font-size:14px}
.bar .track{order:1;grid-column:1/-1;height:10px;border-radius:4px;background:var(--grid);overflow:hidden}.bar .track i{display:block;height:100%;background:var(--c7);border-radius:4px}
.bar.top .track i{background:var(--accent)}.bar.top{font-weight:600}.bar .value{text-align:right;font-variant-numeric:tabular-nums}
.known{display:inline-block;border:1px solid var(--good);color:var(--good);border-radius:4px;font-size:11px;line-height:1.3;padding:0 5px;margin-left:6px;font-weight:600}
.warnings{background:var(--warn-bg);border:1px solid var(--warn-line);border-radius:10px;padding:12px 18px;margin:16px 0}.warnings ul{margin:4px 0 0;padding-left:20px}
.tasks{display:grid;gap:6px 20px;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));margin-top:12px}.tasks b{font-size:13px}
.tasks .bar{font-size:12.5px;margin-top:3px}.tasks .bar .track{height:6px}.note.why{margin:-4px 0 10px}h3.task{font-size:15.5px;margin:20px 0 10px}
.grid.heat{grid-template-columns:minmax(0,1fr)}
figure{margin:0}figure img{display:block;max-width:100%;margin:0 auto;border-radius:6px;background:#000}figcaption{color:var(--muted);font-size:13px;margin-top:8px}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--muted:#444;--line:#ccc;--grid:#e4e4e4;--accent:#1f6feb;
--warn-bg:#fff6e0;--warn-line:#e3b341;--good:#1a7f5a;--c0:#1f6feb;--c1:#d1480a;--c2:#17875f;--c3:#8b45c9;--c4:#b0810a;--c5:#c2266b;--c6:#0e7f93;--c7:#5d6b7a}
@page{margin:14mm}body{font-size:11pt}main{max-width:none;padding:0}.card,.tile,figure,tr{break-inside:avoid}.card.long{break-inside:auto}h2,h3{break-after:avoid}
.grid{grid-template-columns:repeat(3,minmax(0,1fr));gap:8px}.grid.wide{grid-template-columns:repeat(2,minmax(0,1fr))}.grid.heat{grid-template-columns:minmax(0,1fr)}.card{padding:10px 12px}
table.confusion td.n{min-width:0;padding:5px 2px}.tiles{grid-template-columns:repeat(auto-fit,minmax(30mm,1fr))}.tile b{font-size:15pt}.scroll{overflow:visible}th,td,tr.sub>*,tbody th,table.confusion th{padding:4px 4px;font-size:8.5pt}.verdict{font-size:14pt}
table.names tbody th{min-width:0}
table.confusion th{font-size:7pt;padding:2px}table.confusion td.n small{font-size:6.5pt}
.legend{font-size:8pt;gap:1px 10px}.note{font-size:8.5pt}h3{font-size:9.5pt}.tasks .bar,.tasks b{font-size:8pt}
figure img{max-height:200mm}}
)";
}  // namespace

std::string html_page(std::string_view title, std::string_view subtitle, std::string_view body,
                      std::string_view footer) {
    std::string s =
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n<meta name='viewport' "
        "content='width=device-width,initial-scale=1'>\n<meta name='color-scheme' content='light dark'>\n";
    s += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n<header><h1>{}</h1>",
                     html_escaped(title), style, html_escaped(title));
    if (!subtitle.empty()) s += fmt::format("<p>{}</p>", html_escaped(subtitle));
    s += "</header>\n";
    s += body;
    return s + fmt::format("\n<footer>{}</footer>\n</main>\n</body>\n</html>\n", html_escaped(footer));
}

std::string html_section(std::string_view heading, std::string_view inner) {
    return fmt::format("\n<section><h2>{}</h2>\n{}</section>\n", html_escaped(heading), inner);
}

std::string html_card(std::string_view heading, std::string_view inner) {
    // Tables may be longer than a printed page; charts and pictures are not, and stay whole.
    return fmt::format("<div class='card{}'>{}{}</div>\n", inner.find("<table") == inner.npos ? "" : " long",
                       heading.empty() ? "" : fmt::format("<h3>{}</h3>", html_escaped(heading)), inner);
}

std::string html_facts(const Facts& facts) {
    std::vector<HtmlRow> rows;
    for (const auto& [name, value] : facts) rows.push_back({{html_breakable(name), html_escaped(value)}});
    return html_table("facts", {}, rows);
}

std::string html_breakable(std::string_view name) {
    std::string html;
    size_t begin = 0;
    for (size_t i = 1; i <= name.size(); ++i) {
        const bool word = i < name.size() && std::islower(static_cast<unsigned char>(name[i - 1])) &&
                          std::isupper(static_cast<unsigned char>(name[i]));
        if (i < name.size() && !word && std::string_view("_.,=").find(name[i - 1]) == std::string_view::npos) continue;
        html += html_escaped(name.substr(begin, i - begin)) + (i < name.size() ? "<wbr/>" : "");
        begin = i;
    }
    return html;
}

std::string html_note(std::string_view inner) { return fmt::format("<p class='note'>{}</p>", inner); }

std::string html_table(std::string_view css, const std::vector<std::string>& header, const std::vector<HtmlRow>& rows) {
    std::string s = css.empty() ? "<table>" : fmt::format("<table class='{}'>", css);
    if (!header.empty()) {
        s += "<thead><tr>";
        // An empty corner heads nothing.
        for (const std::string& cell : header)
            s += cell.empty() ? "<td></td>" : fmt::format("<th scope='col'>{}</th>", cell);
        s += "</tr></thead>";
    }
    s += "<tbody>";
    for (const HtmlRow& row : rows) {
        s += row.kind.empty() ? "<tr>" : fmt::format("<tr class='{}'>", row.kind);
        for (size_t c = 0; c < row.cells.size(); ++c)
            s += c == 0 ? fmt::format("<th scope='row'>{}</th>", row.cells[c])
                        : fmt::format("<td>{}</td>", row.cells[c]);
        s += "</tr>";
    }
    return s + "</tbody></table>";
}

std::string html_tiles(const Facts& facts) {
    std::string s = "<div class='tiles'>";
    for (const auto& [name, value] : facts)
        s += fmt::format("<div class='tile'><b>{}</b><span>{}</span></div>", html_escaped(value), html_escaped(name));
    return s + "</div>\n";
}

std::string html_warnings(const std::vector<std::string>& warnings) {
    if (warnings.empty()) return {};
    std::string s = "<div class='warnings'><b>Please note</b><ul>";
    for (const std::string& w : warnings) s += fmt::format("<li>{}</li>", html_escaped(w));
    return s + "</ul></div>\n";
}

std::string base64(std::string_view bytes) {
    constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const size_t n = std::min<size_t>(3, bytes.size() - i);
        uint32_t v = 0;
        for (size_t k = 0; k < 3; ++k) v = v << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0);
        for (size_t k = 0; k < 4; ++k) out += k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

}  // namespace cmtl
