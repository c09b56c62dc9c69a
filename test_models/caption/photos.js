// The photos that were dropped and what the model says of them. Batch by batch: a batch's photos
// are uploaded, `ask` is triggered, `settled` brings the answer. Other scripts get them by
// `await theresa.part("caption-photos")`; the document gets `theresa:photos` when answers came.
const words = theresa.labels(props.labels);
const {make, button, filled} = theresa;
const status = make("p", {role: "status"});
const bar = make("progress", {hidden: true, max: 1, "aria-label": words.progress});
const stop = button(words.stop, () => { stopped = true; });
const saves = make("div", {class: "saves", hidden: true},
  button("↓ CSV", () => theresa.save("captions.csv", csv(), "text/csv"), `${words.download} CSV`),
  button("↓ JSON", () => theresa.save("captions.json", json(), "application/json"), `${words.download} JSON`));
const cards = make("ul", {class: "cards"});
element.replaceChildren(make("div", {class: "line"}, status, bar, stop, saves), cards);
stop.hidden = true;
const asking = theresa.asking(words.lost);
let photos = [], zone, map, search, stopped = false;

theresa.part("caption-zone").then(found => {
  zone = found;
  zone.element.addEventListener("theresa:files", () => {
    const old = new Map(photos.map(photo => [photo.file, photo]));
    photos = zone.files.map(file => old.get(file) ?? added(file));
    for (const photo of old.values()) if (!photos.includes(photo)) URL.revokeObjectURL(photo.url);
    cards.replaceChildren(...photos.map(photo => photo.card));
    changed();
  });
  zone.element.addEventListener("theresa:send", event => {
    event.preventDefault();
    run();
  });
});

function added(file) {
  const photo = {file, name: file.name, url: URL.createObjectURL(file), answer: null, vector: null};
  photo.card = make("li");
  draw(photo);
  return photo;
}

// Batches of at most so many photos and bytes, so that answers come soon.
function batches() {
  const all = [[]];
  let size = 0;
  for (const photo of photos) {
    if (all.at(-1).length === props.batch || (size && size + photo.file.size > 3e7)) {
      all.push([]);
      size = 0;
    }
    all.at(-1).push(photo);
    size += photo.file.size;
  }
  return all;
}

async function run() {
  zone.busy();
  stopped = false;
  stop.hidden = bar.hidden = false;
  const all = photos.length;
  let done = 0, refused = 0;
  const tell = () => {
    status.textContent = filled(words.done, {done: done - refused, all})
      + (refused ? `; ${filled(words.refused, {count: refused})}` : "");
  };
  try {
    for (const batch of batches()) {
      if (stopped) break;
      tell();
      bar.value = done / all;
      batch.forEach(photo => photo.card.classList.add("asked"));
      const answers = await asked(batch);
      batch.forEach((photo, n) => answer(photo, answers[n]));
      done += batch.length;
      refused += answers.filter(one => one.error).length;
      changed();
    }
    tell();
  } catch (sentence) {
    status.textContent = "";
    zone.say(String(sentence));
  } finally {
    photos.forEach(photo => photo.card.classList.remove("asked"));
    stop.hidden = bar.hidden = true;
    zone.free();
  }
}

// A batch's answers; fails with a sentence.
async function asked(batch) {
  const files = [];
  for (const {file} of batch) {
    try {
      files.push({path: await theresa.sent(upload, file), name: file.name});
    } catch (reason) {
      throw zone.why(file, reason);
    }
  }
  return (await asking.ask(trigger, {files, language: theresa.language()})).answers;
}

function answer(photo, given) {
  photo.card.classList.remove("asked");
  photo.answer = given;
  photo.vector = given.embedding ? theresa.bfloat16(given.embedding) : null;
  draw(photo);
}

function changed() {
  saves.hidden = !photos.some(photo => photo.answer);
  if (!photos.length) status.textContent = "";
  document.dispatchEvent(new CustomEvent("theresa:photos"));
}

function draw(photo) {
  const {answer} = photo;
  const image = make("img", {src: photo.url, alt: "", loading: "lazy"});
  const picture = make("button", {type: "button", class: "picture", "aria-label": `${words.enlarge} ${photo.name}`}, image);
  image.addEventListener("error", () => {  // such as HEIC, which few browsers draw
    picture.replaceChildren(make("span", {class: "tile"}, words.unseen));
    picture.disabled = true;
  });
  picture.addEventListener("click", () => theresa.enlarge(photo.url, photo.name, ...(photo.answer?.captions ?? []).map(one => one.text)));
  const remove = button("×", () => zone.remove(photo.file), `${words.remove} ${photo.name}`);
  remove.className = "remove";
  const said = make("div", {class: "said"}, make("div", {class: "name"}, make("strong", {}, photo.name), remove));
  if (answer?.error) said.append(make("p", {class: "theresa-error"}, answer.error));
  else if (answer) said.append(...facts(photo));
  photo.card.replaceChildren(picture, said);
}

function facts({file, answer, vector}) {
  const found = [make("ol", {}, ...(answer.captions ?? []).map(({text, english, score}) =>
    make("li", {}, make("bdi", {lang: english ? theresa.language() : "en"}, text), " ", make("small", {title: words.score}, number(score)),
      ...(english ? [make("p", {class: "english"}, make("bdi", {lang: "en"}, english))] : []))))];
  if (unknown(answer)) found.push(make("p", {class: "unknown"}, words.unknown));
  if (answer.usual !== null && answer.usual !== undefined) found.push(fact(words.usual, ...measure(answer.usual / 100, words.usual, percent(answer.usual))));
  if (answer.category) found.push(fact(words.category, make("span", {class: "chip"}, answer.category)));
  if (answer.labels) {
    if (!answer.label && !unknown(answer)) found.push(fact(words.labels, words.noLabel));
    found.push(...answer.labels.slice(0, props.labelled).map(({label, probability}) =>
      fact(label, ...measure(probability, label, percent(100 * probability)))));
  }
  if (answer.match !== null && answer.match !== undefined) {
    found.push(fact(words.match, ...measure(Math.max(0, answer.match), words.match, number(answer.match))));
  }
  if (answer.neighbours?.length) {
    const near = answer.neighbours.map(({id, category, caption, ...one}) => ({...one, name: id, caption: caption ?? category ?? id, kind: category}));
    found.push(fact(words.neighbours, theresa.thumbnails(near)));
  }
  const near = vector && map?.nearest(vector);
  if (near?.length) found.push(fact(words.collection, theresa.thumbnails(near)));
  if (search?.available) found.push(button(words.similar, () => search.like(file)));
  return found;
}

// Whether the model says that it doesn't know such pictures.
const unknown = answer => answer.usual !== null && answer.usual !== undefined && answer.usual < props.unusual;
const measure = (value, name, said) => [make("meter", {min: 0, max: 1, value, "aria-label": name}), said];
const percent = value => `${theresa.number(value)} %`;
const fact = (name, ...what) => make("div", {class: "fact"}, make("small", {}, name), ...what);
const number = value => (typeof value === "number" ? theresa.number(value, 3) : "");
const record = ({name, answer}) => ({name, ...answer, embedding: undefined});
const json = () => JSON.stringify(photos.filter(photo => photo.answer).map(record), null, 1) + "\n";

function csv() {
  const answered = photos.filter(photo => photo.answer).map(record);
  const most = Math.max(1, ...answered.map(one => one.captions?.length ?? 0));
  const numbers = [...Array(most).keys()];
  const head = ["name", ...numbers.flatMap(n => [`caption_${n + 1}`, `score_${n + 1}`]), "category", "usual", "label", "match", "neighbours", "error"];
  const rows = answered.map(one => [
    one.name, ...numbers.flatMap(n => [one.captions?.[n]?.text, one.captions?.[n]?.score]), one.category, one.usual, one.label, one.match,
    (one.neighbours ?? []).map(near => near.id).join(" "), one.error,
  ]);
  return theresa.csv([head, ...rows]);
}

theresa.part("caption-map").then(found => {
  map = found;
  map.element.addEventListener("theresa:collection", () => photos.filter(photo => photo.answer).forEach(draw));
});
theresa.part("caption-search").then(found => {
  search = found;
  search.element.addEventListener("theresa:collection", () => photos.filter(photo => photo.answer).forEach(draw));
});
theresa.register("caption-photos", {settled: asking.settled, get photos() { return photos; }});
