"use strict";
// The methods in the plane of sharpness and a distance; drawn anew when a choice changes. Nothing is fetched.
for (const place of document.querySelectorAll(".frontier")) {
  const { methods, axes } = JSON.parse(place.querySelector("script").textContent);
  const [ratio, down] = place.querySelectorAll("select"), said = place.querySelector(".said");
  const across = Object.keys(axes)[0], size = [640, 420], edge = 60, room = 130, top = 16; // room: for names, right of the plane
  const made = (kind, attributes, text) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
    if (text !== undefined) one.textContent = text;
    return one;
  };
  const span = (values) => [Math.min(...values) - 0.05, Math.max(...values) * 1.05];
  const draw = () => {
    const shown = methods.filter((one) => String(one.ratio) === ratio.value);
    const [xs, ys] = [span([1, ...shown.map((one) => one[across])]), span([0.05, ...shown.map((one) => one[down.value])])];
    const px = (value) => edge + ((size[0] - edge - room) * (value - xs[0])) / (xs[1] - xs[0]);
    const py = (value) => size[1] - edge - ((size[1] - edge - top) * (value - ys[0])) / (ys[1] - ys[0]);
    const svg = made("svg", { viewBox: `0 0 ${size.join(" ")}`, role: "group", "aria-label": "Methods by sharpness and distance" });
    svg.append(made("path", { d: `M${edge} ${top}V${size[1] - edge}H${size[0] - room}`, fill: "none", stroke: "currentColor", "stroke-opacity": 0.4 }));
    svg.append(made("path", { d: `M${px(1)} ${top}V${size[1] - edge}`, stroke: "currentColor", "stroke-opacity": 0.4, "stroke-dasharray": "5 4" }));
    const note = { fill: "currentColor", "font-size": 13 };
    const halo = { style: "paint-order: stroke; stroke: var(--md-default-bg-color, #fff); stroke-width: 4px; pointer-events: none" };
    svg.append(made("text", { ...note, x: (edge + size[0] - room) / 2, y: size[1] - 16, "text-anchor": "middle" }, `${axes[across]} (1 is all of the PAN's detail)`));
    svg.append(made("text", { ...note, transform: `translate(18 ${size[1] / 2}) rotate(-90)`, "text-anchor": "middle" }, `${axes[down.value]} (less is better)`));
    for (const value of [0, 0.25, 0.5, 0.75, 1, 1.25].filter((one) => one >= xs[0] && one <= xs[1])) {
      svg.append(made("text", { ...note, x: px(value), y: size[1] - edge + 18, "text-anchor": "middle" }, value));
    }
    for (let value = Math.ceil(ys[0]); value <= ys[1]; value += Math.ceil((ys[1] - ys[0]) / 6)) {
      svg.append(made("text", { ...note, x: edge - 8, y: py(value) + 4, "text-anchor": "end" }, value));
    }
    const names = []; // over all dots, each a line below the one before
    let lowest = -Infinity;
    for (const one of [...shown].sort((a, b) => b[down.value] - a[down.value])) {
      const text = `${one.name}: ${Object.entries(axes).map(([key, name]) => `${name} ${one[key].toFixed(2)}`).join(", ")}`;
      const dot = made("circle", { cx: px(one[across]), cy: py(one[down.value]), r: 7, tabindex: 0, role: "img",
        "aria-label": text, fill: one.own ? "#00897b" : "#8b959d" });
      dot.append(made("title", {}, text));
      for (const event of ["focus", "pointerenter", "click"]) dot.addEventListener(event, () => { said.textContent = text; });
      svg.append(dot);
      if (one.own || one.name === "EXP") {
        const y = one.own ? (lowest = Math.max(py(one[down.value]) + 4, lowest + 14)) : py(one[down.value]) + 4;
        names.push(made("text", { ...note, ...halo, x: px(one[across]) + 10, y }, one.name.replace(/^anypan-s, /, "")));
      }
    }
    svg.append(...names);
    place.querySelector(".plane").replaceChildren(svg);
  };
  ratio.addEventListener("change", draw);
  down.addEventListener("change", draw);
  draw();
}
