"use strict";
// --- viewer: two layers under one transform, the right one cut at the swipe line ---
class Viewer {
  constructor(figure) {
    this.figure = figure;
    this.size = [Number(figure.dataset.width), Number(figure.dataset.height)];
    this.stage = figure.querySelector(".stage");
    this.sides = [...figure.querySelectorAll(".left, .right")];
    this.edge = figure.querySelector(".edge");
    this.tags = figure.querySelectorAll(".tag");
    this.selects = [...figure.querySelectorAll("select")];
    this.swipe = figure.querySelector(".swipe");
    this.zooms = [...figure.querySelectorAll("[data-zoom]")];
    this.sources = JSON.parse(figure.querySelector("script").textContent);
    this.centre = this.size.map((length) => length / 2);
    this.level = "fit";
    this.listen();
    this.showLayers();
    this.draw();
  }

  listen() {
    this.selects.forEach((select) => select.addEventListener("change", () => this.showLayers()));
    this.figure.querySelector(".swap").addEventListener("click", () => this.swap());
    this.swipe.addEventListener("input", () => this.draw());
    this.zooms.forEach((button) => button.addEventListener("click", () => this.zoom(button.dataset.zoom)));
    this.drag(this.edge, (event) => this.moveEdge(event));
    this.drag(this.stage, (event, dx, dy) => (this.movable() ? this.pan(-dx, -dy) : this.moveEdge(event)));
    this.stage.addEventListener("dblclick", () => this.zoom(this.level === "fit" ? "1" : "fit"));
    this.stage.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.stage);
  }

  drag(element, move) { // move(event, dx, dy) in screen pixels, while a pointer is down
    let last = null;
    element.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      element.setPointerCapture(event.pointerId);
      last = event;
    });
    element.addEventListener("pointermove", (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      move(event, event.clientX - last.clientX, event.clientY - last.clientY);
      last = event;
    });
  }

  fit() {
    return Math.min(this.stage.clientWidth / this.size[0], this.stage.clientHeight / this.size[1]);
  }

  scale() {
    return this.level === "fit" ? this.fit() : Number(this.level);
  }

  movable() {
    const scale = this.scale();
    return this.size[0] * scale > this.stage.clientWidth + 1 || this.size[1] * scale > this.stage.clientHeight + 1;
  }

  showLayers() {
    this.selects.forEach((select, side) => {
      const image = this.sides[side].firstElementChild;
      image.src = this.sources[select.value];
      image.alt = select.value;
      [image.width, image.height] = this.size;
      this.tags[side].textContent = select.value;
    });
  }

  swap() {
    const [left, right] = this.selects;
    [left.value, right.value] = [right.value, left.value];
    this.showLayers();
  }

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
    this.stage.focus({ preventScroll: true });
  }

  key(event) {
    const step = event.shiftKey ? 200 : 50;
    const actions = {
      ArrowLeft: () => this.pan(-step, 0), ArrowRight: () => this.pan(step, 0),
      ArrowUp: () => this.pan(0, -step), ArrowDown: () => this.pan(0, step),
      "+": () => this.step(1), "=": () => this.step(1), "-": () => this.step(-1),
      0: () => this.zoom("fit"), 1: () => this.zoom("1"), 2: () => this.zoom("2"), 4: () => this.zoom("4"),
      x: () => this.swap(),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  }

  draw() {
    const scale = this.scale();
    const room = [this.stage.clientWidth, this.stage.clientHeight];
    const offset = this.size.map((length, axis) => {
      const half = room[axis] / 2 / scale;
      const free = length / 2 <= half;
      this.centre[axis] = free ? length / 2 : Math.min(Math.max(this.centre[axis], half), length - half);
      return Math.round(room[axis] / 2 - this.centre[axis] * scale);
    });
    for (const side of this.sides) {
      side.firstElementChild.style.transform = `translate(${offset[0]}px, ${offset[1]}px) scale(${scale})`;
    }
    this.stage.classList.toggle("sharp", scale >= 1);
    this.stage.style.touchAction = this.movable() ? "none" : "pan-y";
    this.sides[1].style.clipPath = `inset(0 0 0 ${this.swipe.value}%)`;
    this.edge.style.left = this.swipe.value + "%";
    this.zooms.forEach((button) => button.setAttribute("aria-pressed", button.dataset.zoom === this.level));
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
document.querySelectorAll(".viewer").forEach((figure) => nearby.observe(figure));

for (const button of document.querySelectorAll(".goto")) {
  button.addEventListener("click", () => {
    const figure = button.closest(".closer").previousElementSibling;
    viewerOf(figure).look(Number(button.dataset.row), Number(button.dataset.col));
  });
}
