// A model's record of whatever kind: a row for each field, tables for lists of objects, and its JSON.
const words = theresa.labels(props.labels);
const {make} = theresa;
const isObject = value => value !== null && typeof value === "object" && !Array.isArray(value);

function shown(name, value) {
  if (Array.isArray(value) && value.length && value.every(isObject)) return rows(name, value);
  if (typeof value === "number" && !Number.isInteger(value)) return theresa.number(value, 3);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function table(name, head, body) {
  return make("div", {class: "record", tabindex: "0", role: "region", "aria-label": name}, make("table", {}, head, body));
}

function rows(name, values) {
  const fields = [...new Set(values.flatMap(Object.keys))];
  return table(name,
    make("thead", {}, make("tr", {}, ...fields.map(field => make("th", {scope: "col"}, field)))),
    make("tbody", {}, ...values.map(one => make("tr", {}, ...fields.map(field =>
      make("td", {}, field in one ? shown(field, one[field]) : ""))))));
}

function show() {
  const record = props.value;
  if (!record) return element.replaceChildren();
  const fields = Object.entries(record).filter(([_, value]) => value !== null);
  element.replaceChildren(
    table(words.answer, "", make("tbody", {}, ...fields.map(([field, value]) =>
      make("tr", {}, make("th", {scope: "row"}, field), make("td", {}, shown(field, value)))))),
    make("details", {}, make("summary", {}, "JSON"), make("pre", {tabindex: "0"}, JSON.stringify(record, null, 2))));
}

watch("value", show);
show();
