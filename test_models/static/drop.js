// A zone for files, see drop.py. Scripts get it by `await theresa.part(name)`:
//   files           the File objects, in order
//   samples         the addresses of the files that its sample button sends
//   add(files)      as if they had been dropped; `remove(file)` and `clear()` take them out
//   send()          as if its button had been pressed
//   free()          switches the buttons on again; `busy()` switches them off
//   say(sentence)   shows an error beside the zone; "" for none
// Its element gets the events `theresa:files`, when the files change, and `theresa:send`, when they
// are to be sent: who prevents that one's default sends them itself. Otherwise they are uploaded,
// and `submit` is triggered with {files: [{path, name}]}.
const words = theresa.labels(props.labels);
const {make, button} = theresa;
const input = make("input", {
  type: "file", id: props.name + "-input", accept: props.accept, multiple: props.many,
});
const choice = make("label", {for: input.id}, words.choose);
const limit = make("small", {}, `(${words.most} ${theresa.bytes(theresa.maxBytes)})`);
const zone = make("div", {class: "zone"},
  make("span", {}, props.many ? words.many : words.one), input, choice, limit);
const list = make("ul", {hidden: !props.listed});
const error = make("div", {role: "alert"});
const buttons = make("div", {class: "buttons"});
const send = button(words.send ?? "", () => zoneApi.send());
const sample = button(words.sample, trySample);
const clear = button(words.clear, () => zoneApi.clear());
send.classList.add("primary");
if (props.labels.en.send) buttons.append(send);
if (props.samples.length) buttons.append(sample);
if (props.many) buttons.append(clear);
element.replaceChildren(zone, list, buttons, error);
let working = false;

// Whether a file is of a kind that `accept` names, as browsers' choosers have it.
function accepted(file) {
  const name = file.name.toLowerCase();
  return props.accept.split(",").map(kind => kind.trim().toLowerCase()).some(kind =>
    kind.startsWith(".") ? name.endsWith(kind)
      : kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind);
}

// Why a file isn't taken; null if it is.
function fault(file) {
  const name = theresa.quoted(file.name);
  if (file.size > theresa.maxBytes) return `${name} ${words.large} ${theresa.bytes(theresa.maxBytes)}.`;
  return accepted(file) ? null : `${name} ${words.kind}`;
}

function changed() {
  list.replaceChildren(...zoneApi.files.map(file => {
    const remove = button("×", () => zoneApi.remove(file), `${words.remove} ${file.name}`);
    remove.className = "remove";
    return make("li", {}, file.name, make("small", {}, theresa.bytes(file.size)), remove);
  }));
  show();
  element.dispatchEvent(new CustomEvent("theresa:files", {bubbles: true}));
}

function show() {
  send.disabled = clear.disabled = working || !zoneApi.files.length;
  sample.disabled = working;
  element.setAttribute("aria-busy", working);
}

async function trySample() {
  zoneApi.busy();
  try {
    zoneApi.files = await Promise.all(zoneApi.samples.map(theresa.fetched));
    zoneApi.say("");
    changed();
  } catch (reason) {
    zoneApi.say(`${words.failed}: ${reason.message}.`);
    return;
  } finally {
    zoneApi.free();
  }
  zoneApi.send();
}

const zoneApi = {
  element,
  files: [],
  samples: props.samples,
  add(given) {
    const faults = given.map(fault).filter(Boolean);
    const good = given.filter(file => !fault(file));
    zoneApi.say(faults.join(" "));
    if (!good.length) return;
    zoneApi.files = props.many ? [...zoneApi.files, ...good] : good.slice(0, 1);
    changed();
  },
  remove(file) {
    zoneApi.files = zoneApi.files.filter(one => one !== file);
    changed();
    input.focus();
  },
  clear() {
    zoneApi.files = [];
    zoneApi.say("");
    changed();
    input.focus();
  },
  async send() {
    if (working || !zoneApi.files.length) return;
    zoneApi.say("");
    if (!element.dispatchEvent(new CustomEvent("theresa:send", {bubbles: true, cancelable: true}))) return;
    zoneApi.busy();
    const files = [];
    for (const file of zoneApi.files) {
      try {
        files.push({path: await theresa.sent(upload, file), name: file.name});
      } catch (reason) {
        zoneApi.say(zoneApi.why(file, reason));
        zoneApi.free();
        return;
      }
    }
    trigger("submit", {files});
  },
  // The sentence for a file that couldn't be sent.
  why(file, reason) {
    return reason.name === "NotFoundError" || reason.name === "NotReadableError"
      ? `${theresa.quoted(file.name)} ${words.unread}` : `${words.failed}: ${reason.message ?? reason}.`;
  },
  busy() { working = true; show(); },
  free() { working = false; show(); },
  say(sentence) {
    error.replaceChildren(...(sentence ? [make("p", {class: "theresa-error"}, sentence)] : []));
  },
};

input.addEventListener("change", () => {
  zoneApi.add([...input.files]);
  input.value = "";  // the same file may be chosen again
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  zone.addEventListener(name, event => {
    event.preventDefault();
    zone.classList.toggle("over", name.startsWith("dragenter") || name === "dragover");
  });
}
zone.addEventListener("drop", event => zoneApi.add([...event.dataTransfer.files]));
const paste = event => {
  if (!element.isConnected) return document.removeEventListener("paste", paste);
  const files = [...event.clipboardData.files].filter(accepted);
  if (files.length && !working) zoneApi.add(files);
};
document.addEventListener("paste", paste);
show();
theresa.register(props.name, zoneApi);
