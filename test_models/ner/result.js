// Entities in texts: marked in the text, in a table, with the texts that each occurs in; see
// page.py for the value, and marks.js.
const ROWS = 100;  // of a table or a list, until more are asked for
const status = make("p", {role: "status", class: "status"});
const body = make("div");
element.replaceChildren(status, body);
watch("value", () => show(props.value));

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
  const colours = coloured(entries.map(one => one.type));
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
  (value.one ? one : many)(value, entries, colours, downloads(value, entities));
}

function downloads(value, entities) {
  const found = entities ? [
    button(words.csv, () => theresa.save("entities.csv", theresa.csv(asRows(value)), "text/csv")),
    button(words.jsonl, () => theresa.save("entities.jsonl", asLines(value), "application/jsonl")),
  ] : [];
  if (!value.one && value.masked.some(Boolean)) found.push(
    button(words["save-masked"], () => theresa.save("masked.csv", theresa.csv(asMasked(value)), "text/csv")));
  return make("div", {class: "buttons"}, ...found);
}

// Every different entity, the most frequent first: `places` are the entities as they came, each
// with the number of its `text`; `confidence` is the least of theirs.
function collected(value) {
  const found = new Map();
  value.texts.forEach((text, place) => {
    const points = value.entities[place].length ? Array.from(text) : [];
    for (const one of value.entities[place]) {
      const entity = points.slice(one.start, one.end).join("");
      const key = keyOf(entity, one.type);
      if (!found.has(key)) found.set(key, {...one, key, entity, places: []});
      const entry = found.get(key);
      entry.places.push({...one, text: place});
      if (one.confidence < entry.confidence) entry.confidence = one.confidence;
    }
  });
  return [...found.values()].sort((a, b) => b.places.length - a.places.length);
}

// A table's columns on entities; those on what the model doesn't say are left out.
function columns(entries, colours, chosen, ...others) {
  const given = name => entries.some(one => one[name] !== undefined);
  return [
    {name: words.entity, cell: row => chooser(row, () => chosen(row))},
    {name: words.type, cell: row => badge(row.type, colours)},
    given("normalized") && {name: words.normalized, cell: row => make("span", {class: "normal"}, normal(row))},
    given("confidence") && {name: words.confidence, cell: sure, number: true},
    ...others.map(([name, value]) => ({name, cell: row => number(value(row)), number: true})),
  ].filter(Boolean);
}

function one(value, entries, colours, buttons) {
  const text = marked(value.texts[0], value.entities[0], colours);
  body.append(text);
  if (value.masked[0]) body.append(maskedCopy(value.masked[0]));
  if (!entries.length) return;
  const rows = entries.flatMap(one => one.places.map(place => ({...one, ...place})))
    .sort((a, b) => a.start - b.start);
  table(columns(entries, colours, row => {
    const marks = [...text.querySelectorAll("mark")];
    for (const mark of marks) mark.classList.toggle("chosen", mark.dataset.key === row.key);
    marks.find(mark => mark.dataset.key === row.key)?.scrollIntoView({block: "center"});
  }, [words.start, row => row.start], [words.end, row => row.end], [words.count, row => row.places.length]), rows);
  body.append(buttons);
}

function many(value, entries, colours, buttons) {
  if (!entries.length) {
    body.append(buttons);
    return;
  }
  const types = make("select", {"aria-label": words.type}, make("option", {value: ""}, words.all),
    ...Object.keys(colours).map(type => make("option", {value: type}, type)));
  const search = make("input", {type: "search", "aria-label": words.search, placeholder: words.search});
  const found = make("div", {class: "found"});
  body.append(make("div", {class: "filters"}, types, search));
  const place = make("div");
  body.append(place, buttons, found);
  const textsOf = row => [...new Set(row.places.map(one => one.text))];
  const shown = columns(entries, colours, linked, [words.count, row => row.places.length],
    [words.texts, row => textsOf(row).length]);
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    table(shown, entries.filter(one => (!types.value || one.type === types.value)
      && one.entity.toLowerCase().includes(wanted)), place);
  };
  types.addEventListener("change", filter);
  search.addEventListener("input", filter);
  filter();

  function linked(row) {
    for (const one of place.querySelectorAll("[aria-pressed]")) {
      one.setAttribute("aria-pressed", one.dataset.key === row.key);
    }
    const texts = textsOf(row);
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

function table(shown, rows, place = body) {
  const content = make("tbody");
  const kind = column => ({class: column.number ? "number" : null});
  const head = make("tr", {}, ...shown.map(one => make("th", {scope: "col", ...kind(one)}, one.name)));
  const frame = make("div", {class: "table", tabindex: "0", role: "region", "aria-label": words.entity},
    make("table", {}, make("thead", {}, head), content));
  if (place === body) place.append(frame);
  else place.replaceChildren(frame);
  paged(rows, content, row => make("tr", {}, ...shown.map(one => make("td", kind(one), one.cell(row)))), frame);
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
  const rows = [["text_number", "entity", "type", "start", "end", "confidence", "normalized", "normalized_kind", "text"]];
  value.texts.forEach((text, place) => {
    const points = Array.from(text);
    for (const one of value.entities[place]) {
      rows.push([place + 1, points.slice(one.start, one.end).join(""), one.type, one.start, one.end,
        one.confidence, normal(one), one.normalized?.kind, text]);
    }
  });
  return rows;
}

// A line per text, as training and evaluation read it.
function asLines(value) {
  return value.texts.map((text, place) => JSON.stringify({
    text, entities: value.entities[place], masked: value.masked[place] ?? undefined, error: value.errors[place],
  }) + "\n").join("");
}

// A row per masked text.
function asMasked(value) {
  return [["text_number", "text"], ...value.masked.map((one, place) => [place + 1, one?.text])];
}
show(props.value);
