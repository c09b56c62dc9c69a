// Entities in texts: marked in the text, in a table, with the texts that each occurs in; see
// page.py for the value. Offsets count code points, so texts are cut by those.
const words = theresa.labels(props.labels);
const {button, filled, make, number} = theresa;
const ROWS = 100;  // of a table or a list, until more are asked for
const KNOWN = {
  PERSON: 0, PER: 0, NR: 0, NAME: 0, LOCATION: 1, LOC: 1, NS: 1, GPE: 1, ADDRESS: 1,
  ORGANIZATION: 2, ORG: 2, NT: 2, COMPANY: 2, DATE: 3, TIME: 3,
};
const status = make("p", {role: "status", class: "status"});
const body = make("div");
element.replaceChildren(status, body);
watch("value", () => show(props.value));

const keyOf = (entity, type) => JSON.stringify([entity, type]);

function show(value) {
  if (!value) {
    status.textContent = "";
    body.replaceChildren();
  } else if (value.progress) {
    const [done, total] = value.progress;
    status.textContent = filled(words.progress, {done: number(done), total: number(total)});
    body.replaceChildren(make("progress", {value: done, max: total, "aria-label": status.textContent}));
  } else {
    body.replaceChildren();
    status.textContent = "";
    if (value.error && value.total) status.textContent = filled(words.stopped, {
      done: number(value.texts.length), total: number(value.total)});
    if (value.error) body.append(make("p", {class: "theresa-error", role: "alert"}, value.error));
    if (value.texts?.length) result(value);
  }
}

function result(value) {
  const entries = collected(value);
  const colours = coloured(entries);
  const entities = entries.reduce((sum, one) => sum + one.places.length, 0);
  status.textContent += " " + (entities ? filled(words[value.one ? "summary-one" : "summary"], {
    entities: number(entities), different: number(entries.length),
    texts: number(value.texts.length), seconds: number(value.seconds, 2),
  }) : words.none);
  const failures = Object.entries(value.errors);
  if (failures.length) body.append(
    make("p", {}, filled(words.failed, {failed: number(failures.length)})),
    make("ul", {class: "failures"}, ...failures.slice(0, ROWS).map(([text, why]) =>
      make("li", {}, `${words.text} ${number(Number(text) + 1)}: ${why}`))));
  if (!entities) body.append(...value.one ? [marked(value.texts[0], [], colours)] : []);
  else (value.one ? one : many)(value, entries, colours, make("div", {class: "buttons"},
    button(words.csv, () => theresa.save("entities.csv", theresa.csv(asRows(value)), "text/csv")),
    button(words.jsonl, () => theresa.save("entities.jsonl", asLines(value), "application/jsonl"))));
}

// Every different entity: {entity, type, places: [[text, start, end]]}, the most frequent first.
function collected(value) {
  const found = new Map();
  value.texts.forEach((text, place) => {
    const points = value.entities[place].length ? Array.from(text) : [];
    for (const [start, end, type] of value.entities[place]) {
      const entity = points.slice(start, end).join("");
      const key = keyOf(entity, type);
      if (!found.has(key)) found.set(key, {key, entity, type, places: []});
      found.get(key).places.push([place, start, end]);
    }
  });
  return [...found.values()].sort((a, b) => b.places.length - a.places.length);
}

// A colour per type: the usual types have their own, the others share what is left.
function coloured(entries) {
  const colours = {};
  let next = 4;
  for (const type of [...new Set(entries.map(one => one.type))].sort()) {
    colours[type] = KNOWN[type.toUpperCase()] ?? (next < 8 ? next++ : (next = 5, 4));
  }
  return colours;
}

function badge(type, colours) {
  return make("span", {class: `type k${colours[type]}`}, type);
}

// The text with its entities marked; of two that overlap, the first. `chosen` is a key.
function marked(text, spans, colours, chosen) {
  const points = Array.from(text);
  const line = make("p", {class: "text", lang: "zh"});
  let done = 0;
  for (const [start, end, type] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (start < done) continue;
    const entity = points.slice(start, end).join("");
    const key = keyOf(entity, type);
    const mark = make("mark", {
      class: `k${colours[type]}${end - start <= 12 ? " short" : ""}${key === chosen ? " chosen" : ""}`,
    },
      entity, make("small", {}, type));
    mark.dataset.key = key;
    line.append(points.slice(done, start).join(""), mark);
    done = end;
  }
  line.append(points.slice(done).join(""));
  return line;
}

function one(value, entries, colours, downloads) {
  const text = marked(value.texts[0], value.entities[0], colours);
  body.append(text);
  const rows = entries.flatMap(one => one.places.map(([, start, end]) => ({...one, start, end})))
    .sort((a, b) => a.start - b.start);
  table([words.entity, words.type, words.start, words.end, words.count], rows, row => [
    chooser(row, () => {
      const marks = [...text.querySelectorAll("mark")];
      for (const mark of marks) mark.classList.toggle("chosen", mark.dataset.key === row.key);
      marks.find(mark => mark.dataset.key === row.key)?.scrollIntoView({block: "center"});
    }),
    badge(row.type, colours), number(row.start), number(row.end), number(row.places.length),
  ]);
  body.append(downloads);
}

function many(value, entries, colours, downloads) {
  const types = make("select", {"aria-label": words.type}, make("option", {value: ""}, words.all),
    ...Object.keys(colours).map(type => make("option", {value: type}, type)));
  const search = make("input", {type: "search", "aria-label": words.search, placeholder: words.search});
  const found = make("div", {class: "found"});
  body.append(make("div", {class: "filters"}, types, search));
  const place = make("div");
  body.append(place, downloads, found);
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    table([words.entity, words.type, words.count, words.texts],
      entries.filter(one => (!types.value || one.type === types.value) && one.entity.toLowerCase().includes(wanted)),
      row => [
        chooser(row, () => linked(row)), badge(row.type, colours), number(row.places.length),
        number(new Set(row.places.map(([text]) => text)).size),
      ], place);
  };
  types.addEventListener("change", filter);
  search.addEventListener("input", filter);
  filter();

  function linked(row) {
    for (const one of place.querySelectorAll("[aria-pressed]")) {
      one.setAttribute("aria-pressed", one.dataset.key === row.key);
    }
    const texts = [...new Set(row.places.map(([text]) => text))];
    const heading = make("h3", {tabindex: "-1"}, filled(words.found, {
      entity: row.entity, type: row.type, texts: number(texts.length)}));
    const list = make("ol", {tabindex: "0", "aria-label": heading.textContent});
    found.replaceChildren(heading, list);
    paged(texts, list, text => make("li", {value: text + 1},
      marked(value.texts[text], value.entities[text], colours, row.key)));
    heading.focus();
  }
}

function chooser(row, act) {
  const one = make("button", {type: "button", class: "entity", "aria-pressed": "false"}, row.entity);
  one.dataset.key = row.key;
  one.addEventListener("click", () => {
    for (const other of body.querySelectorAll(".entity")) {
      other.setAttribute("aria-pressed", other.dataset.key === row.key);
    }
    act();
  });
  return one;
}

function table(names, rows, cells, place = body) {
  const content = make("tbody");
  const head = make("tr", {}, ...names.map(name => make("th", {scope: "col"}, name)));
  const frame = make("div", {class: "table", tabindex: "0", role: "region", "aria-label": words.entity},
    make("table", {}, make("thead", {}, head), content));
  if (place === body) place.append(frame);
  else place.replaceChildren(frame);
  paged(rows, content, row => make("tr", {}, ...cells(row).map(cell => make("td", {}, cell))), frame);
}

// Fills a list with the first rows, and a button for more below `frame`.
function paged(rows, list, made, frame = list) {
  let shown = 0;
  const more = button(words.more, fill);
  frame.after(more);
  function fill() {
    list.append(...rows.slice(shown, shown += ROWS).map(made));
    more.hidden = shown >= rows.length;
  }
  fill();
}

// A row per entity. Texts are numbered from 1, characters from 0.
function asRows(value) {
  const rows = [["text_number", "entity", "type", "start", "end", "text"]];
  value.texts.forEach((text, place) => {
    const points = Array.from(text);
    for (const [start, end, type] of value.entities[place]) {
      rows.push([place + 1, points.slice(start, end).join(""), type, start, end, text]);
    }
  });
  return rows;
}

// A line per text, as training and evaluation read it.
function asLines(value) {
  return value.texts.map((text, place) => JSON.stringify({
    text, entities: value.entities[place], error: value.errors[place],
  }) + "\n").join("");
}
show(props.value);
