// Texts with marks: what is found in a text, and what stands in a masked copy in its place. Offsets
// count code points, so texts are cut by those.
const words = theresa.labels(props.labels);
const {button, filled, make, number} = theresa;
const SHORT = 12;  // characters of an entity that isn't broken into lines
const LIGHTEST = 15;  // percent of its colour that the least sure entity has
const KNOWN = {
  PERSON: 0, PER: 0, NR: 0, NAME: 0, LOCATION: 1, LOC: 1, NS: 1, GPE: 1, ADDRESS: 1,
  ORGANIZATION: 2, ORG: 2, NT: 2, COMPANY: 2, DATE: 3, TIME: 3,
};

const keyOf = (entity, type) => JSON.stringify([entity, type]);
const percent = share => share.toLocaleString(navigator.language, {style: "percent"});
const sure = one => one.confidence === undefined ? "" : percent(one.confidence);

// A normal form in a line: 2025-03-05, 3.5 CNY, 中华人民共和国 北京市.
function normal({normalized: form}) {
  return form ? [...form.path ?? [], form.detail, form.value, form.currency, form.unit].filter(Boolean).join(" ") : "";
}

// A colour per type: the usual types have their own, the others share what is left.
function coloured(types) {
  const colours = {};
  let next = 4;
  for (const type of [...new Set(types)].sort()) {
    colours[type] = KNOWN[type.toUpperCase()] ?? (next < 8 ? next++ : (next = 5, 4));
  }
  return colours;
}

function badge(type, colours) {
  return make("span", {class: `type k${colours[type]}`}, type);
}

// A text, its layout too, with a mark for each span; of two that overlap, for the first.
function withMarks(text, spans, mark) {
  const points = Array.from(text);
  const line = make("p", {class: "text", lang: "zh"});
  let done = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    if (span.start < done) continue;
    line.append(points.slice(done, span.start).join(""), mark(span, points.slice(span.start, span.end).join("")));
    done = span.end;
  }
  line.append(points.slice(done).join(""));
  return line;
}

// The text with its entities: the less sure, the lighter. `chosen` is a key.
function marked(text, entities, colours, chosen) {
  return withMarks(text, entities, (one, entity) => {
    const key = keyOf(entity, one.type);
    const mark = make("mark", {
      class: `k${colours[one.type]}${one.end - one.start <= SHORT ? " short" : ""}${key === chosen ? " chosen" : ""}`,
      title: [one.type, sure(one), normal(one)].filter(Boolean).join(" · "),
    }, entity, make("small", {}, one.type));
    mark.dataset.key = key;
    mark.style.setProperty("--sure", `${Math.max(LIGHTEST, 100 * (one.confidence ?? 1) ** 2)}%`);
    return mark;
  });
}

// A masked copy, to copy and to save.
function maskedCopy({text, spans}) {
  const done = make("span", {role: "status"});
  const copy = button(words.copy, async () => {
    await navigator.clipboard.writeText(text);
    done.textContent = words.copied;
  });
  copy.hidden = !navigator.clipboard;  // a browser has it for localhost and https
  const places = spans.map(one => ({...one, start: one.masked_start, end: one.masked_end}));
  return make("section", {class: "masked", "aria-label": words.masked},
    make("h3", {}, words.masked),
    withMarks(text, places, (one, put) => make("mark", {class: "k7", title: one.kind}, put)),
    make("div", {class: "buttons"}, copy, button(words["save-masked"], () => theresa.save("masked.txt", text)), done));
}
