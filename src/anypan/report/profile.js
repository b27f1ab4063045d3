"use strict";
// The spectra of one pixel, of all layers that have any: a plot and its numbers. The packing is that of look.py.
const LEVELS = 255;

async function inflated(text) { // base64 of zlib to bytes, without a request
  const stream = new DecompressionStream("deflate"), writer = stream.writable.getWriter();
  writer.write(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)));
  writer.close();
  const reader = stream.readable.getReader(), parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((start, part) => (bytes.set(part, start), start + part.length), 0);
  return bytes;
}

function unpack(codes, layers, columns) { // undoes the differences; bytes wrap around by themselves
  const each = codes.length / layers;
  for (let at = 1; at < each; at += 1) if (at % columns) codes[at] += codes[at - 1];
  for (let at = each; at < codes.length; at += 1) codes[at] += codes[at % each];
  return codes;
}

class Profile {
  constructor(place, packed) {
    this.place = place;
    this.packed = packed;
    this.stride = packed.stride;
    this.shown = false;
    this.chosen = [];
    this.ready = new Promise((done) => { if (window.DecompressionStream) inflated(packed.packed).then((bytes) => {
      this.codes = unpack(bytes, packed.names.length, packed.shape[1]);
      delete packed.packed;
      this.build();
      done();
    }); });
  }

  build() {
    this.place.hidden = false;
    this.place.innerHTML = "<svg class=spectra viewBox='0 0 560 250' role=img></svg>"
      + "<div class=values tabindex=0 role=region><table><caption aria-live=polite></caption><thead></thead><tbody></tbody></table></div>";
    this.svg = this.place.querySelector("svg");
    this.table = this.place.querySelector("table");
    this.place.querySelector(".values").setAttribute("aria-label", "Values of the marked pixel");
    this.table.tHead.append(this.line("th", ["", ...this.packed.bands]));
    for (const name of this.packed.names) this.table.tBodies[0].append(this.line("td", [name, ...this.packed.bands]));
  }

  line(kind, texts) {
    const line = document.createElement("tr");
    texts.forEach((text, rank) => {
      const cell = document.createElement(rank ? kind : "th");
      cell.scope = kind === "th" ? "col" : "row";
      if (rank && kind === "td") cell.removeAttribute("scope");
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  }

  nearest(column, row) { // the stored pixel nearest to a place in the image, [column, row]
    const first = Math.floor(this.stride / 2), [rows, columns] = this.packed.shape;
    return [[column, columns], [row, rows]].map(([one, count]) => {
      const rank = Math.round((Math.floor(one) - first) / this.stride);
      return first + this.stride * Math.min(Math.max(rank, 0), count - 1);
    });
  }

  values(layer, column, row) { // of every band, at a stored pixel
    const { bands, low, high, shape } = this.packed, first = Math.floor(this.stride / 2);
    const [across, down] = [(column - first) / this.stride, (row - first) / this.stride];
    return bands.map((_, band) => {
      const code = this.codes[((layer * bands.length + band) * shape[0] + down) * shape[1] + across];
      return low[band] + (high[band] - low[band]) * (code / LEVELS) ** 2;
    });
  }

  follow(...names) { // the layers to bring out
    this.chosen = names;
    if (this.shown) this.show(...this.at);
  }

  show(column, row) {
    if (!this.codes) return;
    this.shown = true;
    this.at = [column, row];
    const spectra = this.packed.names.map((name, layer) => ({ name, values: this.values(layer, column, row) }));
    const said = this.stride > 1 ? ` (of ${this.stride} × ${this.stride} pixels one is kept)` : "";
    this.table.caption.textContent = `Row ${row}, column ${column}${said}`;
    const largest = Math.max(...spectra.flatMap((one) => one.values.map(Math.abs)));
    const digits = largest < 2 ? 4 : largest < 100 ? 2 : 0;
    spectra.forEach(({ name, values }, rank) => {
      const line = this.table.tBodies[0].rows[rank];
      line.className = this.kind(name);
      values.forEach((value, band) => { line.cells[band + 1].textContent = value.toFixed(digits); });
    });
    this.plot(spectra);
  }

  kind(name) {
    const side = this.chosen.indexOf(name);
    return name === "reference" ? "truth" : side < 0 ? "other" : ["run0", "run1"][side];
  }

  across() { // screen positions of the bands: by wavelength, evenly where it is unknown or thermal bands are far off
    const { bands, centres } = this.packed, known = centres.length === bands.length;
    const rank = (band) => (known ? centres.filter((one) => one < centres[band]).length : band);
    const far = !known || Math.max(...centres) > 6 * Math.min(...centres);
    const places = bands.map((_, band) => (far ? rank(band) : centres[band]));
    const low = Math.min(...places), span = Math.max(...places) - low || 1;
    return places.map((one) => 56 + (484 * (one - low)) / span);
  }

  plot(spectra) {
    const all = spectra.flatMap((one) => one.values);
    const low = Math.min(0, ...all), high = Math.max(...all, low + 1e-9), px = this.across();
    const py = (value) => 205 - (190 * (value - low)) / (high - low);
    const made = (kind, attributes, text) => {
      const one = document.createElementNS("http://www.w3.org/2000/svg", kind);
      for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
      if (text !== undefined) one.textContent = text;
      return one;
    };
    const parts = [0, 0.5, 1].flatMap((share) => {
      const value = low + share * (high - low);
      return [made("path", { class: "grid", d: `M56 ${py(value)}H540` }),
        made("text", { class: "tick", x: 48, y: py(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(3)))];
    });
    let end = -Infinity; // names that would run into each other are left out
    const order = px.map((_, band) => band).sort((one, two) => px[one] - px[two]); // a curve goes from left to right
    order.forEach((rank) => {
      const band = this.packed.bands[rank];
      const half = 3.5 * band.length;
      if (px[rank] - half > end + 4) {
        parts.push(made("text", { class: "tick", x: px[rank], y: 226, "text-anchor": "middle" }, band));
        end = px[rank] + half;
      }
    });
    const kinds = ["other", "truth", "run0", "run1"];
    const depth = ({ name }) => kinds.indexOf(this.kind(name));
    const sorted = [...spectra].sort((one, two) => depth(one) - depth(two));
    for (const { name, values } of sorted) {
      const d = "M" + order.map((band) => `${px[band].toFixed(1)} ${py(values[band]).toFixed(1)}`).join("L");
      const line = made("path", { class: `curve ${this.kind(name)}`, d });
      line.append(made("title", {}, name));
      parts.push(line);
      if (this.kind(name) !== "other") values.forEach((value, band) =>
        parts.push(made("circle", { class: this.kind(name), cx: px[band], cy: py(value), r: 3 })));
    }
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("aria-label", `Spectra at row ${this.at[1]}, column ${this.at[0]}`);
  }
}
