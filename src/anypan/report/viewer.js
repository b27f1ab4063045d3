"use strict";
// The viewer of a scene: two layers under one transform, the right one cut at the swipe line; or all layers side by
// side under the same transform; pictures or error maps; and the spectra of the marked pixel.
const LARGEST_SCALE = 16;

class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.size = [Number(figure.dataset.width), Number(figure.dataset.height)];
    this.stage = figure.querySelector(".stage");
    this.field = figure.querySelector(".panels");
    this.sides = [...figure.querySelectorAll(".left, .right")];
    this.edge = figure.querySelector(".edge");
    this.tags = figure.querySelectorAll(".tag");
    this.selects = [...figure.querySelectorAll("select")];
    this.swipe = figure.querySelector(".swipe");
    this.zooms = [...figure.querySelectorAll("[data-zoom]")];
    this.modes = new Map([...figure.querySelectorAll("[data-mode]")].map((button) => [button.dataset.mode, button]));
    this.sources = JSON.parse(figure.querySelector("script").textContent);
    this.on = { errors: false, panels: false };
    this.panels = [];
    this.centre = this.size.map((length) => length / 2);
    this.level = "fit";
    this.profile = this.sources.spectra && new Profile(figure.querySelector(".profile"), this.sources.spectra);
    this.pixel = this.size.map((length) => Math.floor(length / 2));
    this.listen();
    this.showLayers();
    this.draw();
    this.profile?.ready.then(() => this.mark(...this.pixel));
  }

  listen() {
    this.selects.forEach((select) => select.addEventListener("change", () => this.showLayers()));
    this.figure.querySelector(".swap").addEventListener("click", () => this.swap());
    this.swipe.addEventListener("input", () => this.draw());
    this.zooms.forEach((button) => button.addEventListener("click", () => this.zoom(button.dataset.zoom)));
    this.modes.forEach((button, mode) => button.addEventListener("click", () => this.toggle(mode)));
    this.drag(this.edge, (event) => this.moveEdge(event));
    this.drag(this.stage, (event, dx, dy) => (this.movable() ? this.pan(-dx, -dy) : this.moveEdge(event)));
    this.drag(this.field, (event, dx, dy) => this.pan(-dx, -dy));
    for (const box of [this.stage, this.field]) {
      box.addEventListener("dblclick", () => this.zoom(this.level === "fit" ? "1" : "fit"));
      box.addEventListener("keydown", (event) => this.key(event));
      box.addEventListener("pointermove", (event) => event.buttons || this.point(event));
      box.addEventListener("click", (event) => this.point(event));
      box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      new ResizeObserver(() => this.draw()).observe(box);
    }
  }

  drag(element, move) { // move(event, dx, dy) in screen pixels, while a pointer is down; two pointers pinch
    const down = new Map();
    element.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      element.setPointerCapture(event.pointerId);
      down.set(event.pointerId, event);
    });
    element.addEventListener("pointermove", (event) => {
      const last = down.get(event.pointerId);
      if (!last || !element.hasPointerCapture(event.pointerId)) return;
      const other = [...down.values()].find((one) => one.pointerId !== event.pointerId);
      down.set(event.pointerId, event);
      if (other) this.pinch(last, event, other);
      else move(event, event.clientX - last.clientX, event.clientY - last.clientY);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(end, (event) => down.delete(event.pointerId));
    }
  }

  // --- where things are ---
  frames() { // the boxes that are visible, each with its image
    if (this.on.panels) return this.panels.map((box) => ({ box, image: box.firstElementChild }));
    return this.sides.map((side) => ({ box: this.stage, image: side.firstElementChild }));
  }

  room() {
    const box = this.frames()[0].box;
    return [box.clientWidth, box.clientHeight];
  }

  fit() {
    const room = this.room();
    return Math.min(room[0] / this.size[0], room[1] / this.size[1]) || 1;
  }

  scale() {
    return this.level === "fit" ? this.fit() : Number(this.level);
  }

  movable() {
    const [scale, room] = [this.scale(), this.room()];
    return this.size.some((length, axis) => length * scale > room[axis] + 1);
  }

  offset() { // screen position of the image's corner in every box
    const [scale, room] = [this.scale(), this.room()];
    return this.size.map((length, axis) => Math.round(room[axis] / 2 - this.centre[axis] * scale));
  }

  under(event) { // the image coordinates under a pointer, null outside the image
    const box = this.on.panels ? event.target.closest?.(".panel") : this.stage;
    if (!box) return null;
    const edge = box.getBoundingClientRect(), [left, top] = this.offset(), scale = this.scale();
    const place = [(event.clientX - edge.left - left) / scale, (event.clientY - edge.top - top) / scale];
    return place.every((one, axis) => one >= 0 && one < this.size[axis]) ? place : null;
  }

  // --- what is shown ---
  picture(name) {
    return (this.on.errors && this.sources.errors[name]) || this.sources.layers[name];
  }

  caption(name) {
    return this.on.errors && this.sources.errors[name] ? `${name}: error` : name;
  }

  show(image, name) {
    image.src = this.picture(name);
    image.alt = this.caption(name);
    [image.width, image.height] = this.size;
  }

  showLayers() {
    this.selects.forEach((select, side) => {
      this.show(this.sides[side].firstElementChild, select.value);
      this.tags[side].textContent = this.caption(select.value);
    });
    if (this.on.panels) this.showPanels();
    this.profile?.follow(...this.selects.map((select) => select.value));
  }

  showPanels() {
    const names = Object.keys(this.sources.layers);
    this.panels = names.map((name, rank) => {
      const box = this.field.children[rank] ?? this.field.appendChild(document.createElement("div"));
      if (!box.firstElementChild) {
        box.className = "panel";
        box.style.aspectRatio = this.size.join(" / ");
        const image = Object.assign(document.createElement("img"), { draggable: false });
        const mark = Object.assign(document.createElement("i"), { className: "mark", hidden: true });
        box.append(image, mark, Object.assign(document.createElement("b"), { className: "tag" }));
      }
      this.show(box.firstElementChild, name);
      box.lastElementChild.textContent = this.caption(name);
      return box;
    });
  }

  toggle(mode) {
    const button = this.modes.get(mode);
    if (!button) return;
    this.on[mode] = !this.on[mode];
    button.setAttribute("aria-pressed", this.on[mode]);
    this.figure.querySelector(".scale")?.toggleAttribute("hidden", !this.on.errors);
    if (mode === "panels") {
      const focused = document.activeElement === this.stage || document.activeElement === this.field;
      for (const one of [this.stage, this.figure.querySelector(".slider")]) one.hidden = this.on.panels;
      this.field.hidden = !this.on.panels;
      if (focused) (this.on.panels ? this.field : this.stage).focus();
    }
    this.showLayers();
    this.draw();
  }

  swap() {
    const [left, right] = this.selects;
    [left.value, right.value] = [right.value, left.value];
    this.showLayers();
  }

  turn(side, step) { // to the next or previous layer
    const select = this.selects[side], count = select.options.length;
    select.selectedIndex = (select.selectedIndex + step + count) % count;
    this.showLayers();
  }

  // --- how it is seen ---
  zoom(level) {
    this.level = level;
    this.draw();
  }

  step(sign) { // to the next larger or smaller level that is offered
    const levels = this.zooms.map((button) => button.dataset.zoom).filter((level) => level !== "fit");
    const usable = levels.filter((level) => sign * (Number(level) - this.scale()) > 1e-6);
    const next = sign > 0 ? usable[0] : usable.at(-1) ?? "fit";
    if (next) this.zoom(next);
  }

  zoomAt(place, factor) { // the image coordinates `place` stay where they are
    const before = this.scale(), fit = this.fit();
    const after = Math.min(Math.max(before * factor, fit), Math.max(LARGEST_SCALE, fit));
    if (place) this.centre = this.centre.map((one, axis) => place[axis] - (place[axis] - one) * (before / after));
    this.zoom(after <= fit * 1.001 ? "fit" : String(after));
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    this.zoomAt(this.under(event), Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 120));
  }

  pinch(last, now, other) {
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (apart(last) > 0) this.zoomAt(this.under(now), apart(now) / apart(last));
  }

  pan(dx, dy) { // in screen pixels
    const scale = this.scale();
    this.centre = [this.centre[0] + dx / scale, this.centre[1] + dy / scale];
    this.draw();
  }

  moveEdge(event) {
    const box = this.stage.getBoundingClientRect();
    this.swipe.value = (100 * (event.clientX - box.left)) / box.width;
    this.draw();
  }

  look(row, column) {
    this.centre = [column, row];
    this.zoom("2");
    this.figure.scrollIntoView({ block: "center" });
    (this.on.panels ? this.field : this.stage).focus({ preventScroll: true });
  }

  // --- the marked pixel ---
  point(event) {
    const place = this.profile && this.under(event);
    if (place) this.mark(...place);
  }

  mark(column, row) {
    this.pixel = this.profile.nearest(column, row);
    this.profile.show(...this.pixel);
    this.draw();
  }

  moveMark(columns, rows) {
    if (!this.profile) return;
    const step = this.profile.stride;
    this.mark(this.pixel[0] + columns * step, this.pixel[1] + rows * step);
    const [room, offset, scale] = [this.room(), this.offset(), this.scale()];
    const out = this.pixel.some((one, axis) => one * scale + offset[axis] < 0 || (one + 1) * scale + offset[axis] > room[axis]);
    if (out) { this.centre = [...this.pixel]; this.draw(); }
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    const actions = {
      "+": () => this.step(1), "=": () => this.step(1), "-": () => this.step(-1),
      0: () => this.zoom("fit"), 1: () => this.zoom("1"), 2: () => this.zoom("2"), 4: () => this.zoom("4"),
      x: () => this.swap(), e: () => this.toggle("errors"), g: () => this.toggle("panels"),
      n: () => this.turn(1, 1), p: () => this.turn(1, -1), N: () => this.turn(0, 1), P: () => this.turn(0, -1),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !(arrow || Object.hasOwn(actions, event.key))) return;
    event.preventDefault();
    if (!arrow) actions[event.key]();
    else if (event.shiftKey) this.moveMark(...arrow);
    else this.pan(50 * arrow[0], 50 * arrow[1]);
  }

  draw() {
    const [scale, room] = [this.scale(), this.room()];
    this.size.forEach((length, axis) => {
      const half = room[axis] / 2 / scale;
      const free = length / 2 <= half;
      this.centre[axis] = free ? length / 2 : Math.min(Math.max(this.centre[axis], half), length - half);
    });
    const [left, top] = this.offset();
    const boxes = new Set();
    for (const { box, image } of this.frames()) {
      image.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      boxes.add(box);
    }
    for (const box of boxes) {
      box.classList.toggle("sharp", scale >= 1);
      this.placeMark(box.querySelector(".mark"), left, top, scale);
    }
    this.stage.style.touchAction = this.field.style.touchAction = this.movable() ? "none" : "pan-y";
    this.sides[1].style.clipPath = `inset(0 0 0 ${this.swipe.value}%)`;
    this.edge.style.left = this.swipe.value + "%";
    this.zooms.forEach((button) => button.setAttribute("aria-pressed", button.dataset.zoom === this.level));
  }

  placeMark(mark, left, top, scale) {
    mark.hidden = !this.profile?.shown;
    const side = Math.max(scale, 7), [column, row] = this.pixel;
    mark.style.cssText = `width:${side}px;height:${side}px;left:${left + (column + 0.5) * scale - side / 2}px;`
      + `top:${top + (row + 0.5) * scale - side / 2}px`;
  }
}

const viewers = new Map();
function viewerOf(figure) { // made when first needed, so that a page of forty scenes opens at once
  if (!viewers.has(figure)) viewers.set(figure, new Viewer(figure));
  return viewers.get(figure);
}
const nearby = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { viewerOf(entry.target); nearby.unobserve(entry.target); }
}, { rootMargin: "400px" });
const [first, ...others] = document.querySelectorAll(".viewer");
if (first) viewerOf(first); // nobody waits for a frame, which on a busy machine comes late
others.forEach((figure) => nearby.observe(figure));

for (const button of document.querySelectorAll(".goto")) {
  button.addEventListener("click", () => {
    const before = (one) => one.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING;
    const figure = [...document.querySelectorAll(".viewer")].filter(before).at(-1);
    viewerOf(figure).look(Number(button.dataset.row), Number(button.dataset.col));
  });
}

// --- paper: the two layers that are chosen, side by side and whole ---
addEventListener("beforeprint", () => {
  for (const figure of document.querySelectorAll(".viewer")) {
    const place = figure.parentNode.querySelector(".printed") ?? document.createElement("div");
    place.className = "printed";
    place.replaceChildren(...viewerOf(figure).selects.map((select) => {
      const shown = document.createElement("figure"), caption = document.createElement("figcaption");
      caption.textContent = select.value;
      shown.append(Object.assign(document.createElement("img"), { src: viewerOf(figure).picture(select.value), alt: "" }), caption);
      return shown;
    }));
    figure.after(place);
  }
});
