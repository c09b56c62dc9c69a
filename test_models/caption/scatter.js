// Points on one canvas, with a grid that finds those near the pointer; see map.js.
// World coordinates are those of the points; `view` maps them: pixels per unit, and the centre.
class Scatter {
  // `on`: hover(point, x, y), open(point), lasso(points); a point is its number, a star -1 - number.
  constructor(canvas, on) {
    Object.assign(this, {canvas, on, x: [], y: [], styles: [], stars: [], view: {scale: 1, x: 0, y: 0}});
    this.ink = canvas.getContext("2d");
    this.pointers = new Map();
    this.lassoing = false;
    new ResizeObserver(() => this.resized()).observe(canvas);
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "wheel", "keydown"]) {
      canvas.addEventListener(name, event => this[name](event), {passive: false});
    }
  }

  points(x, y) {
    Object.assign(this, {x, y, picked: null, stars: [], shown: new Uint8Array(x.length).fill(1)});
    this.bounds = [Math.min, Math.max].map(most => [x, y].map(all => all.reduce((a, b) => most(a, b), all[0] ?? 0)));
    const side = this.side = Math.max(1, Math.ceil(Math.sqrt(x.length / 4)));
    this.cells = Array.from({length: side * side}, () => []);
    for (let n = 0; n < x.length; n++) this.cells[this.cell(y[n], 1) * side + this.cell(x[n], 0)].push(n);
    this.fit();
  }

  // The column (axis 0) or row (axis 1) of the grid that a coordinate is in.
  cell(value, axis) {
    const [low, high] = [this.bounds[0][axis], this.bounds[1][axis]];
    return Math.max(0, Math.min(this.side - 1, Math.floor((value - low) / (high - low || 1) * this.side)));
  }

  // `styles`: {colour, shape, points}, drawn in this order.
  style(styles, shown) {
    Object.assign(this, {styles, shown});
    this.draw();
  }

  pick(points) {
    this.picked = points ? new Set(points) : null;
    this.draw();
  }

  setStars(stars) { Object.assign(this, {stars}).draw(); }

  resized() {
    const {clientWidth: width, clientHeight: height} = this.canvas;
    if (!width) return;
    const first = !this.width;
    Object.assign(this, {width, height});
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    if (first && this.bounds) this.fit();
    else this.paint();
  }

  fit() {
    if (!this.width || !this.bounds) return;
    const [[left, low], [right, high]] = this.bounds;
    const scale = 0.9 * Math.min(this.width / (right - left || 1), this.height / (high - low || 1));
    this.view = {scale, x: (left + right) / 2, y: (low + high) / 2};
    this.whole = scale;
    this.draw();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const [before, view] = [this.world(x, y), this.view];
    view.scale = Math.max(this.whole / 4, Math.min(this.whole * 200, view.scale * factor));
    const after = this.world(x, y);
    view.x += before[0] - after[0];
    view.y += before[1] - after[1];
    this.draw();
  }

  pan(dx, dy) {
    this.view.x -= dx / this.view.scale;
    this.view.y += dy / this.view.scale;
    this.draw();
  }

  world(x, y) {
    const {scale, x: cx, y: cy} = this.view;
    return [(x - this.width / 2) / scale + cx, (this.height / 2 - y) / scale + cy];
  }

  pixel(x, y) {
    const {scale, x: cx, y: cy} = this.view;
    return [(x - cx) * scale + this.width / 2, this.height / 2 - (y - cy) * scale];
  }

  // The shown point nearest to a pixel, or a star, within some pixels; null for none.
  near(px, py, reach) {
    for (let n = this.stars.length - 1; n >= 0; n--) {
      const [x, y] = this.pixel(this.stars[n].x, this.stars[n].y);
      if (Math.hypot(x - px, y - py) < reach + 4) return -1 - n;
    }
    const [left, high] = this.world(px - reach, py - reach), [right, low] = this.world(px + reach, py + reach);
    let best = null, least = reach;
    if (!this.x.length) return best;
    for (let row = this.cell(low, 1); row <= this.cell(high, 1); row++) {
      for (let column = this.cell(left, 0); column <= this.cell(right, 0); column++) {
        for (const n of this.cells[row * this.side + column]) {
          const [x, y] = this.pixel(this.x[n], this.y[n]);
          const distance = Math.hypot(x - px, y - py);
          if (this.shown[n] && distance < least) [best, least] = [n, distance];
        }
      }
    }
    return best;
  }

  // The shown points inside a line of pixels.
  inside(line) {
    const corners = line.map(([x, y]) => this.world(x, y));
    const found = [];
    for (let n = 0; n < this.x.length; n++) {
      if (!this.shown[n]) continue;
      const [x, y] = [this.x[n], this.y[n]];
      let within = false;
      for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
        const [ax, ay] = corners[a], [bx, by] = corners[b];
        if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) within = !within;
      }
      if (within) found.push(n);
    }
    return found;
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  paint() {
    const {ink, width, height} = this;
    if (!width) return;
    ink.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ink.clearRect(0, 0, width, height);
    const zoomed = Math.sqrt(this.view.scale / (this.whole || 1));
    const radius = Math.max(2, Math.min(8, (this.x.length > 2000 ? 2.4 : 4.2) * zoomed));
    for (const style of this.styles) {
      const faint = new Path2D(), full = new Path2D();
      for (const n of style.points) {
        if (!this.shown[n]) continue;
        const [x, y] = this.pixel(this.x[n], this.y[n]);
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        Scatter.shapes[style.shape](this.picked && !this.picked.has(n) ? faint : full, x, y, radius);
      }
      ink.fillStyle = style.colour;
      ink.globalAlpha = 0.15;
      ink.fill(faint);
      ink.globalAlpha = 0.85;
      ink.fill(full);
    }
    ink.globalAlpha = 1;
    const colour = getComputedStyle(this.canvas).color;
    for (const {x, y} of this.stars) {
      const path = new Path2D();
      Scatter.star(path, ...this.pixel(x, y), 11);
      ink.fillStyle = "#fde047";
      ink.strokeStyle = "#111827";
      ink.lineWidth = 1.6;
      ink.fill(path);
      ink.stroke(path);
    }
    if (this.line) {
      ink.strokeStyle = colour;
      ink.lineWidth = 1.5;
      ink.setLineDash([5, 4]);
      ink.beginPath();
      this.line.forEach(([x, y]) => ink.lineTo(x, y));
      ink.closePath();
      ink.stroke();
      ink.setLineDash([]);
    }
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  pointerdown(event) {
    if (event.button) return;
    const place = this.at(event);
    this.pointers.set(event.pointerId, place);
    this.canvas.setPointerCapture(event.pointerId);
    this.moved = this.pointers.size > 1;
    this.line = this.pointers.size === 1 && (this.lassoing || event.shiftKey) ? [place] : null;
  }

  pointermove(event) {
    const place = this.at(event), old = this.pointers.get(event.pointerId);
    if (!old) {
      this.on.hover(this.near(...place, 9), ...place);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (!this.moved && Math.hypot(place[0] - old[0], place[1] - old[1]) < 4 && !this.line) return;
    this.moved = true;
    this.on.hover(null);
    this.pointers.set(event.pointerId, place);
    if (this.line) {
      this.line.push(place);
      this.draw();
    } else if (others.length) {  // two fingers
      const [other] = others, apart = at => Math.hypot(at[0] - other[0], at[1] - other[1]);
      this.zoom(apart(place) / (apart(old) || 1), (place[0] + other[0]) / 2, (place[1] + other[1]) / 2);
    } else {
      this.pan(place[0] - old[0], place[1] - old[1]);
    }
  }

  pointerup(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const line = this.line;
    this.line = null;
    if (line?.length > 2) this.on.lasso(this.inside(line));
    else if (!this.moved) {
      const point = this.near(...this.at(event), event.pointerType === "touch" ? 18 : 9);
      if (point !== null) this.on.open(point);
    }
    this.draw();
  }

  pointercancel(event) {
    this.pointers.delete(event.pointerId);
    this.line = null;
    this.draw();
  }

  pointerleave() { this.on.hover(null); }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 400)), ...this.at(event));
  }

  keydown(event) {
    const [step, keys] = [60, {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}];
    if (keys[event.key]) this.pan(...keys[event.key].map(one => one * step));
    else if (["+", "="].includes(event.key)) this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}
