// Scores of one model or two, beside each other, and the worst cases; see page.py for the value.
const words = theresa.labels(props.labels);
const {button, filled, make, number} = theresa;
const ROWS = 25;  // cases that are shown until more are asked for
const LOWER = ["WER", "CER", "failed"];  // what is the better the lower it is
const status = make("p", {role: "status", class: "status"});
const body = make("div");
element.replaceChildren(status, body);
watch("value", () => show(props.value));
show(props.value);

function time(seconds) {
  return seconds < 1 ? `${number(seconds * 1000)} ms` : `${number(seconds, 2)} s`;
}

function show(value) {
  body.replaceChildren();
  status.textContent = "";
  if (value?.progress) {
    const [name, done, total] = value.progress;
    status.textContent = filled(words.progress, {name, done: number(done), total: number(total)});
    body.append(make("progress", {value: done, max: total, "aria-label": status.textContent}));
  } else if (value?.error) {
    body.append(make("p", {class: "theresa-error", role: "alert"}, value.error));
  } else if (value?.systems) {
    status.textContent = filled(words.done, {count: number(value.cases.length)});
    summary(value);
    if (Object.keys(value.systems[0].types).length) types(value);
    bad(value);
    worst(value);
  }
}

function table(name, head, rows, kind) {
  return make("div", {class: "table", tabindex: "0", role: "region", "aria-label": name},
    make("table", {class: kind},
      make("thead", {}, make("tr", {}, ...head.map(one => make("th", {scope: "col"}, one)))),
      make("tbody", {}, ...rows)));
}

// The figures, the better one of two marked; not of times, which differ from run to run.
function summary(value) {
  const {systems} = value;
  const row = (key, figures, shown) => {
    const known = figures.filter(one => one !== undefined);
    const best = (LOWER.includes(key) ? Math.min : Math.max)(...known);
    const ranked = (key === "failed" || key in systems[0].figures) && new Set(known).size > 1;
    return make("tr", {}, make("th", {scope: "row"}, words[key] ?? key), ...figures.map(one =>
      make("td", {class: ranked && one === best ? "best" : null}, one === undefined ? "–" : shown(one))));
  };
  const rows = Object.keys(systems[0].figures).map(key =>
    row(key, systems.map(one => one.figures[key]), one => number(one, 2) + (key.startsWith("BLEU") ? "" : " %")));
  for (const key of ["p50", "p90", "p99"]) rows.push(row(key, systems.map(one => one.latency?.[key]), time));
  rows.push(row("throughput", systems.map(one => one.latency?.throughput), one => number(one, 2)));
  rows.push(row("failed", systems.map(one => one.failed), one => number(one)));
  const how = words.how + (props.task === "caption" ? words.bleu + " " : "") + words[value.method];
  body.append(table(words.measure, [words.measure, ...systems.map(one => one.name)], rows, "figures"),
    make("p", {class: "note"}, `${how} ${words.times}`));
}

function types(value) {
  body.append(make("h2", {}, words.types));
  const names = [...new Set(value.systems.flatMap(one => Object.keys(one.types)))].sort();
  for (const system of value.systems) {
    const rows = names.map(name => {
      const [precision, recall, f1, gold, predicted] = system.types[name] ?? [0, 0, 0, 0, 0];
      return make("tr", {}, make("th", {scope: "row"}, name),
        ...[precision, recall, f1].map(one => make("td", {}, `${number(one, 1)} %`)),
        ...[gold, predicted].map(one => make("td", {}, number(one))));
    });
    if (value.systems.length > 1) body.append(make("h3", {}, system.name));
    body.append(table(`${words.types}: ${system.name}`,
      [words.type, words.precision, words.recall, "F1", words.gold, words.predicted], rows, "figures"));
  }
}

function bad(value) {
  if (!value.bad.length) return;
  body.append(make("p", {}, filled(words.bad, {count: number(value.bad.length)})),
    make("ul", {class: "bad"}, ...value.bad.slice(0, 100).map(one => make("li", {}, `${one.name}: ${one.error}`))));
}

function worst(value) {
  const {systems} = value;
  const by = make("select", {id: `by-${props.task}`},
    ...systems.map((one, place) => make("option", {value: place}, one.name)));
  const place = make("div");
  const order = systems.length > 1
    ? [make("label", {for: by.id}, words.by), by] : [];
  const legend = make("span", {class: "legend"},
    make("mark", {class: "missed"}, words.missed), make("mark", {class: "extra"}, words.extra));
  body.append(make("h2", {}, words.worst), make("div", {class: "filters"}, ...order, legend), place,
    make("div", {class: "buttons"}, button(words.csv, () =>
      theresa.save("scores.csv", theresa.csv(asRows(value)), "text/csv"))));
  const list = () => {
    const system = systems[Number(by.value)];
    const head = [words.case, words.reference, ...systems.flatMap(one =>
      [one.name, Object.keys(one.figures)[0], words.seconds])];
    const shown = table(words.worst, head, [], "cases");
    const more = button(words.more, fill);
    let count = 0;
    function fill() {
      shown.querySelector("tbody").append(
        ...system.order.slice(count, count += ROWS).map(at => caseRow(value, at, system, head)));
      more.hidden = count >= system.order.length;
    }
    fill();
    place.replaceChildren(shown, more);
  };
  by.addEventListener("change", list);
  list();
}

// A case; on a phone each cell has its column's name.
function caseRow(value, at, system, head) {
  const one = value.cases[at];
  const name = make("span", {class: "name"}, one.name);
  const cells = [one.text ? make("span", {}, name, make("q", {lang: "zh"}, one.text)) : name,
    marked(system.rows[at].reference, value.method)];
  for (const {rows} of value.systems) {
    const {hypothesis, score, seconds, error} = rows[at];
    cells.push(error ? make("span", {class: "error"}, error) : marked(hypothesis, value.method),
      number(score, 1), seconds === null ? "–" : number(seconds, 2));
  }
  return make("tr", {}, ...cells.map((cell, place) => make("td", {"data-label": head[place]}, cell)));
}

// A text whose differences are marked; of entities, each on its own.
function marked(pieces, method) {
  if (!pieces.length) return "–";
  const entity = method === "exact" ? "entity" : null;
  const apart = entity || method === "spaced" ? " " : "";
  return make("span", {class: "said"}, ...pieces.flatMap(([text, kind], place) => [place ? apart : "",
    make(kind === "same" ? "span" : "mark", {class: [kind, entity].filter(Boolean).join(" ")}, text)]));
}

function asRows(value) {
  const head = ["case", ...(props.task === "ner" ? ["text"] : []), "reference"];
  for (const {name, figures} of value.systems) {
    head.push(...["answer", Object.keys(figures)[0], "seconds", "error"].map(one => `${name} ${one}`));
  }
  const rows = value.cases.map((one, at) => [
    one.name, ...(props.task === "ner" ? [one.text] : []), one.reference,
    ...value.systems.flatMap(({rows}) => [rows[at].answer, rows[at].score, rows[at].seconds, rows[at].error]),
  ]);
  for (const one of value.bad) {
    const row = head.map(() => "");
    row[0] = one.name;
    row[row.length - 1] = one.error;
    rows.push(row);
  }
  return [head, ...rows];
}
