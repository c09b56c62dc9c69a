// Controls for parameters, see controls.py: a label of ours where the page knows the parameter.
const words = theresa.labels(props.labels);
const {make} = theresa;
let shown = "";

function show() {
  const {parameters, values} = props.value;
  if (shown === JSON.stringify(parameters)) return;
  shown = JSON.stringify(parameters);
  element.replaceChildren(make("div", {class: "controls"}, ...parameters.map(one => control(one, values[one.name]))));
}

function control(one, value = one.default) {
  const id = `parameter-${one.name}`;
  const hint = words[one.name] ? words[one.name + "-info"] : one.description;
  const field = made(one, value, id);
  field.id = id;
  field.setAttribute("aria-describedby", `${id}-hint`);
  field.addEventListener("change", () => {
    const {[one.name]: _, ...others} = props.value.values;
    const next = read(one, field);
    props.value = {...props.value, values: next === null ? others : {...others, [one.name]: next}};
    trigger("change");
  });
  const name = make("label", {for: id}, words[one.name] ?? one.name);
  const parts = one.type === "boolean" && !one.list ? [make("span", {}, field, name)] : [name, field];
  if (one.name === "language") parts.push(languages(one, id));
  return make("div", {}, ...parts, make("small", {id: `${id}-hint`}, (hint ?? "").replaceAll("`", "")));
}

function made(one, value, id) {
  if (one.list) return make("input", {type: "text", value: value.join(", ")});
  if (one.type === "boolean") return make("input", {type: "checkbox", checked: value});
  const choices = choicesOf(one, value);
  if (choices.length) {
    return make("select", {}, ...choices.map(choice =>
      make("option", {value: choice, selected: choice === value}, words[`${one.name}=${choice}`] ?? choice)));
  }
  if (one.type === "string" && one.name.endsWith("_date")) return make("input", {type: "date", value});
  if (one.type === "string") {
    return make("input", {type: "text", value, list: one.name === "language" ? `${id}-list` : null});
  }
  const step = one.type === "long" ? 1 : "any";
  return make("input", {type: "number", value, step, min: one.minimum ?? one.above, max: one.maximum});
}

// The words that the model takes; of a text those that the page has labels for, and the one that it has.
function choicesOf(one, value) {
  if (one.choices.length || one.type !== "string") return one.choices;
  const labelled = Object.keys(words).filter(key => key.startsWith(`${one.name}=`)).map(key => key.slice(one.name.length + 1));
  return labelled.length ? [...new Set([...labelled, value])] : [];
}

// What the model knows, by names in the browser's language; others may be typed.
function languages(one, id) {
  return make("datalist", {id: `${id}-list`}, ...one.languages.map(code =>
    make("option", {value: code}, theresa.languageName(code))));
}

// The value; null for none, which is the model's own default.
function read(one, field) {
  if (one.list) {
    const items = field.value.split(/[,，]/).map(item => item.trim()).filter(Boolean);
    return one.type === "string" ? items : items.map(Number);
  }
  if (one.type === "boolean") return field.checked;
  if (one.type === "string") return field.value;
  return field.value === "" ? null : Number(field.value);
}

watch("value", show);
show();
