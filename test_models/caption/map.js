// A collection on its map: what the points are, which are shown, which are selected, and where new
// photos stand among them. Other scripts get it by `await theresa.part("caption-map")`; its element
// gets `theresa:collection` when there is another one.
const words = theresa.labels(props.labels);
const {make, button, filled} = theresa;
// Okabe and Ito's colours, which colour-blind people can tell apart; then other shapes of them.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const REST = {colour: "#94a3b8", shape: 0};  // what is of no group, and what there is no style for
const NO_GROUP = "in no group";  // as explore.py has it
const NEAREST = 5, PAGE = 40;

const canvas = make("canvas", {tabindex: 0, role: "application", "aria-label": words.canvas});
const tip = make("div", {class: "tip", hidden: true, "aria-hidden": "true"});
const colour = make("select", {id: "caption-map-colour"});
const filter = make("input", {type: "search", id: "caption-map-words", placeholder: words.filterHint});
const lasso = button(words.lasso, () => {
  scatter.lassoing = !scatter.lassoing;
  lasso.setAttribute("aria-pressed", scatter.lassoing);
});
lasso.setAttribute("aria-pressed", false);
const tools = make("div", {class: "tools"},
  field(words.colour, colour), field(words.filter, filter), lasso,
  button("+", () => scatter.zoom(1.5), words.closer), button("−", () => scatter.zoom(1 / 1.5), words.farther),
  button(words.whole, () => scatter.fit()));
const groups = make("ul", {class: "groups", "aria-label": words.groups});
const title = make("span", {role: "status"}), list = make("div", {class: "found"});
const selection = make("section", {hidden: true, "aria-label": words.selection},
  make("div", {class: "head"}, make("h3", {}, title), button(words.unselect, () => select(null))), list);
const placed = make("p", {class: "placed", role: "status"});
const whole = make("div", {class: "map", hidden: true}, tools,
  make("div", {class: "board"}, make("div", {class: "view"}, canvas, tip), groups), placed, selection);
element.replaceChildren(whole);

let data = null, styles = [], hiddenNames = new Set(), stars = [];
const scatter = new Scatter(canvas, {
  hover(point, x, y) {
    tip.hidden = point === null;
    canvas.style.cursor = point === null ? "" : "pointer";
    if (point === null) return;
    const {source, name, caption, kind} = about(point);
    tip.replaceChildren(source ? make("img", {src: source, alt: ""}) : "", make("strong", {}, kind || name), make("span", {}, caption));
    tip.style.left = `${Math.min(x + 14, canvas.clientWidth - 200)}px`;
    tip.style.top = `${y > canvas.clientHeight / 2 ? y - tip.offsetHeight - 10 : y + 14}px`;
  },
  open(point) {
    const {source, name, caption, kind} = about(point);
    theresa.enlarge(source, name, caption, kind);
  },
  lasso: select,
});

function field(name, input) {
  return make("label", {for: input.id}, make("span", {}, name), input);
}

// What there is to say of a point, or of a star.
function about(point) {
  if (point < 0) {
    const {photo} = stars[-1 - point];
    return {source: photo.url, name: photo.name, caption: photo.answer.captions?.[0]?.text ?? "", kind: words.yours};
  }
  return {source: data.thumbnail(point), name: data.ids[point], caption: data.captions[point], kind: data.values()[point]};
}

function show(collection) {
  data = collection;
  data.near = new WeakMap();
  data.values = () => data.categories[colour.value] ?? [];
  whole.hidden = false;
  colour.replaceChildren(...Object.keys(data.categories).map(name => make("option", {value: name}, name)));
  filter.value = "";
  select(null);
  scatter.points(data.x, data.y);
  recolour();
  place();
  element.dispatchEvent(new CustomEvent("theresa:collection"));
}

function recolour() {
  const values = data.values();
  const numbers = new Map();
  data.ids.forEach((_, n) => {
    const name = values[n] ?? "";
    if (!numbers.has(name)) numbers.set(name, []);
    numbers.get(name).push(n);
  });
  const rest = name => !name || name === NO_GROUP;
  const names = [...numbers.keys()].sort((a, b) => rest(a) - rest(b) || numbers.get(b).length - numbers.get(a).length);
  styles = names.map((name, n) => {
    const known = !rest(name) && n < COLOURS.length * Scatter.shapes.length;
    const style = known ? {colour: COLOURS[n % COLOURS.length], shape: Math.floor(n / COLOURS.length)} : REST;
    return {...style, name, points: numbers.get(name)};
  });
  hiddenNames = new Set();
  groups.replaceChildren(...styles.map(row));
  refilter();
}

// A group: whether it is shown, and a button that selects it, for who can't use the lasso.
function row(style) {
  const path = `<svg viewBox="-7 -7 14 14" width="14" height="14" aria-hidden="true"><path fill="${style.colour}" d="${[
    "M5 0A5 5 0 1 1 -5 0A5 5 0 1 1 5 0Z", "M-4.5 -4.5H4.5V4.5H-4.5Z", "M0 -6L5.5 4H-5.5Z", "M0 -6L5 0L0 6L-5 0Z"][style.shape]}"/></svg>`;
  const mark = make("span", {class: "mark"});
  mark.innerHTML = path;  // made of the constants above
  const name = style.name || "–";
  const shown = make("input", {type: "checkbox", checked: true, "aria-label": `${words.show} ${name}`});
  shown.addEventListener("change", () => {
    hiddenNames[shown.checked ? "delete" : "add"](style.name);
    refilter();
  });
  const choose = button(mark, () => select(style.points.filter(n => scatter.shown[n])), `${words.select} ${name}`);
  choose.className = "";
  choose.append(make("span", {}, name), make("small", {}, theresa.number(style.points.length)));
  return make("li", {}, shown, choose);
}

// Shows the points of shown groups whose caption has all the words.
function refilter() {
  const parts = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = new Uint8Array(data.ids.length);
  for (const {name, points} of styles) {
    if (hiddenNames.has(name)) continue;
    for (const n of points) shown[n] = parts.every(part => data.captions[n].toLowerCase().includes(part)) ? 1 : 0;
  }
  scatter.style(styles, shown);
  if (parts.length) select([...shown.keys()].filter(n => shown[n]));
}

function select(points) {
  selection.hidden = !points;
  scatter.pick(points);
  list.replaceChildren();
  if (!points) return;
  title.textContent = filled(words.selected, {count: theresa.number(points.length)});
  const more = button(words.more, () => page());
  let next = 0;
  const page = () => {
    more.remove();
    list.append(theresa.thumbnails(points.slice(next, next += PAGE).map(n => ({...about(n), n})), true));
    if (next < points.length) list.append(more);
  };
  page();
}

// The nearest photos of the collection; null where there are no embeddings of the same kind.
function nearest(vector) {
  if (!data?.vectors || vector.length !== data.width) return null;
  if (data.near.has(vector)) return data.near.get(vector);
  const length = Math.hypot(...vector), {width, vectors} = data;
  const scored = data.ids.map((_, n) => {
    let sum = 0;
    for (let i = 0, at = n * width; i < width; i++) sum += vector[i] * vectors[at + i];
    return [sum / length, n];
  });
  scored.sort((a, b) => b[0] - a[0]);
  data.near.set(vector, scored.slice(0, NEAREST).map(([similarity, n]) => ({...about(n), n, similarity})));
  return data.near.get(vector);
}

// Puts a star for each new photo at the mean place of its neighbours, weighted by similarity.
async function place() {
  const {photos} = await theresa.part("caption-photos");
  if (!data) return;
  stars = [];
  for (const photo of photos) {
    const near = photo.vector && nearest(photo.vector);
    if (!near) continue;
    const weights = near.map(one => Math.max(one.similarity, 1e-6));
    const sum = weights.reduce((a, b) => a + b);
    const mean = axis => near.reduce((all, one, i) => all + weights[i] * axis[one.n], 0) / sum;
    stars.push({photo, x: mean(data.x), y: mean(data.y)});
  }
  const asked = photos.filter(photo => photo.vector).length;
  placed.textContent = !asked ? ""
    : !stars.length ? (data.vectors ? words.otherModel : words.noVectors)
      : filled(words.placed, {count: stars.length, k: NEAREST});
  scatter.setStars(stars);
}

colour.addEventListener("change", recolour);
filter.addEventListener("input", refilter);
document.addEventListener("theresa:photos", place);
loadCollections(show);
theresa.register("caption-map", {element, nearest, scatter});
