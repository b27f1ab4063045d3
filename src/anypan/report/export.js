"use strict";
// Every table as CSV with all digits and as LaTeX as shown, in the order it is sorted at the moment. See exports.py.
{
  const LATEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "–": "--", "†": "$^\\dagger$",
    "↑": "$\\uparrow$", "↓": "$\\downarrow$", "→": "$\\to$", "±": "$\\pm$", "<": "$<$", ">": "$>$",
  };
  for (const one of "&%$#_{}") LATEX[one] = "\\" + one;

  const escaped = (text) => [...text].map((one) => LATEX[one] ?? one).join("");

  function shown(cell, spreads = false) { // the text of a cell, without the arrow of a heading
    const copy = cell.cloneNode(true);
    for (const one of copy.querySelectorAll("br")) one.replaceWith("; ");
    for (const one of copy.querySelectorAll(spreads ? "i" : "i, small")) one.remove();
    return copy.textContent.trim();
  }

  function csvCell(cell) {
    const text = cell.dataset.value ?? shown(cell);
    const bare = text === "–" ? "" : text;
    const runs = /^(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/.test(bare) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(bare);
    const said = runs ? `'${bare}` : bare; // as cells.py: a spreadsheet would run it as a formula
    return /[",\r\n]/.test(said) ? `"${said.replaceAll('"', '""')}"` : said;
  }

  function csv(table) {
    const counted = table.classList.contains("sortable");
    const more = (line) => (line.parentNode === table.tHead ? "Scenes" : line.dataset.scenes ?? "");
    return [...table.rows].map((line) => {
      const cells = [...line.cells].map(csvCell);
      return (counted ? [...cells, more(line)] : cells).join(",") + "\n";
    }).join("");
  }

  function latexCell(cell) {
    const said = escaped(shown(cell, document.body.classList.contains("spread")));
    if (cell.querySelector("i")) return `${said} ${escaped(cell.querySelector("i").textContent)}`;
    return cell.querySelector("strong") ? `\\textbf{${said}}` : said;
  }

  function latex(table) {
    const parts = [table.tHead, ...table.tBodies, table.tFoot].filter((part) => part?.rows.length);
    const line = (row) => `    ${[...row.cells].map(latexCell).join(" & ")} \\\\\n`;
    const ruled = parts.map((part) => [...part.rows].map(line).join("")).join("    \\midrule\n");
    const others = table.classList.contains("sortable") ? "r" : "l";
    return "% needs \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n"
      + `  \\caption{${escaped(title(table))}}\n  \\begin{tabular}{l${others.repeat(table.rows[0].cells.length - 1)}}\n`
      + `    \\toprule\n${ruled}    \\bottomrule\n  \\end{tabular}\n\\end{table}\n`;
  }

  function title(table) {
    return table.caption?.textContent ?? table.closest("section, details").querySelector("h2, summary").textContent;
  }

  function save(text, name, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function offer(table, label, suffix, type, make) {
    const button = document.createElement("button");
    button.textContent = label;
    button.setAttribute("aria-label", `${label} of the table ${title(table)}`);
    button.addEventListener("click", () => {
      const stem = title(table).toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 120) || "table";
      save(make(table), stem + suffix, type);
    });
    return button;
  }

  for (const table of document.querySelectorAll("main table")) {
    const bar = document.createElement("div");
    bar.className = "exports";
    bar.append(offer(table, "CSV", ".csv", "text/csv", csv), offer(table, "LaTeX", ".tex", "text/x-tex", latex));
    (table.closest(".scroll") ?? table).after(bar);
  }
}
