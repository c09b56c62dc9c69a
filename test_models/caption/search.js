// The search box, see searching.py. Other scripts get it by `await theresa.part("caption-search")`:
//   available     whether the chosen model has a collection
//   like(file)    searches for photos like this one
// Its element gets the event `theresa:collection` when another model was chosen.
const words = theresa.labels(props.labels);
const {make, button, filled} = theresa;
const asking = theresa.asking(words.lost);
const text = make("input", {type: "search", id: "search-words", maxlength: 1000, placeholder: words.example, "aria-label": words.words});
const chooser = make("input", {type: "file", id: "search-photo", accept: props.accept});
const choose = make("label", {for: chooser.id}, words.photo);
const chip = make("span", {class: "own", hidden: true});
const send = make("button", {type: "submit", class: "theresa-button primary"}, words.search);
const since = make("input", {type: "date", id: "search-since"});
const until = make("input", {type: "date", id: "search-until"});
const category = make("select", {id: "search-category"});
const place = make("select", {id: "search-place"});
const filters = make("div", {class: "filters"});
const alert = make("div", {role: "alert"});
const status = make("p", {role: "status"});
const found = make("ul", {class: "found"});
const more = button(words.more, () => run(asked, found.children.length));
const form = make("form", {role: "search"}, make("div", {class: "query"}, text, chooser, choose, chip, send), filters);
const box = make("section", {hidden: true}, make("h2", {}, words.title), form, alert, status, found, more);
element.replaceChildren(box);
more.hidden = true;
let photo = null, asked = null, busy = false;

function field(name, control) {
  return make("div", {}, make("label", {for: control.id}, name), control);
}

// Another model's collection; null if it has none.
function open(collection) {
  box.hidden = !collection;
  found.replaceChildren();
  alert.replaceChildren();
  status.textContent = "";
  more.hidden = true;
  if (collection) {
    const {categories, places, first_day, last_day} = collection;
    const any = () => make("option", {value: ""}, words.any);
    category.replaceChildren(any(), ...categories.map(one => make("option", {}, one)));
    place.replaceChildren(any(), ...places.map(one => make("option", {}, one)));
    for (const day of [since, until]) Object.assign(day, {min: first_day ?? "", max: last_day ?? "", value: ""});
    filters.replaceChildren(
      ...(categories.length ? [field(words.category, category)] : []),
      ...(places.length ? [field(words.place, place)] : []),
      ...(first_day ? [field(words.since, since), field(words.until, until)] : []));
    status.textContent = filled(words.size, {count: theresa.number(collection.photos)});
  }
  element.dispatchEvent(new CustomEvent("theresa:collection"));
}

function take(file) {
  if (photo) URL.revokeObjectURL(photo.url);
  photo = file && {file, url: URL.createObjectURL(file)};
  chip.hidden = !photo;
  if (!photo) return chip.replaceChildren();
  const image = make("img", {src: photo.url, alt: ""});
  image.addEventListener("error", () => image.remove());  // such as HEIC, which few browsers draw
  const remove = button("×", () => { take(null); text.focus(); }, `${words.remove} ${file.name}`);
  remove.className = "remove";
  chip.replaceChildren(image, file.name, remove);
}

function say(sentence) {
  alert.replaceChildren(...(sentence ? [make("p", {class: "theresa-error"}, sentence)] : []));
}

// Searches; `skip` photos are shown already.
async function run(query, skip = 0) {
  if (busy) return;
  if (!query.words && !query.photo) return say(words.nothing);
  busy = send.disabled = more.disabled = true;
  say("");
  try {
    const files = query.photo ? [{path: await theresa.sent(upload, query.photo), name: query.photo.name}] : [];
    const {photos, total} = await asking.ask(trigger, {words: query.words, files, skip, filters: query.filters});
    asked = query;
    if (!skip) found.replaceChildren();
    found.append(...photos.map(card));
    const shown = found.children.length, all = total ?? shown;
    status.textContent = shown ? filled(words.shown, {shown: theresa.number(shown), all: theresa.number(all)}) : words.none;
    more.hidden = !photos.length || shown >= all;
    if (skip && photos.length) found.children[skip].querySelector("button").focus();
  } catch (reason) {
    say(String(reason.message ?? reason));
  } finally {
    busy = send.disabled = more.disabled = false;
  }
}

function card({id, category, similarity, caption, date, place, source}) {
  const picture = make("button", {type: "button", class: "picture", "aria-label": `${words.enlarge} ${id}`},
    source ? make("img", {src: source, alt: "", loading: "lazy"}) : make("span", {class: "tile"}, id));
  const facts = [category, place, date].filter(Boolean);
  picture.addEventListener("click", () => theresa.enlarge(source, id, caption, facts.join(" · ")));
  return make("li", {}, picture,
    ...(caption ? [make("p", {}, make("bdi", {}, caption))] : []),
    make("p", {class: "facts"}, ...(category ? [make("span", {class: "chip"}, category)] : []),
      make("small", {}, facts.filter(one => one !== category).join(" · ")),
      make("small", {title: words.similarity}, theresa.number(similarity, 3))));
}

form.addEventListener("submit", event => {
  event.preventDefault();
  const one = value => (value ? [value] : []);
  run({
    words: text.value.trim(), photo: photo?.file ?? null,
    filters: {in_categories: one(category.value), in_places: one(place.value), since: since.value, until: until.value},
  });
});
chooser.addEventListener("change", () => {
  if (chooser.files.length) take(chooser.files[0]);
  chooser.value = "";  // the same file may be chosen again
});

theresa.register("caption-search", {
  element,
  get available() { return !box.hidden; },
  like(file) {
    take(file);
    text.value = "";
    form.scrollIntoView({block: "start"});
    form.requestSubmit();
  },
  settled(value) {
    if (value && "collection" in value) open(value.collection);
    else asking.settled(value);
  },
});
