// What the scripts of the pages' components share, as `theresa`.
window.theresa = {
  // The labels in the browser's language, of {en, zh, th}.
  labels(all) {
    return all[theresa.language()];
  },
  // en, zh or th.
  language() {
    const language = (navigator.language || "en").slice(0, 2);
    return ["en", "zh", "th"].includes(language) ? language : "en";
  },
  // A language's name in the browser's language, by its code.
  languageName(code) {
    return new Intl.DisplayNames([navigator.language], {type: "language"}).of(code);
  },
  // A new element: `make("button", {type: "button", class: "x"}, "text", child)`.
  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  },
  // A button that does something; `label` is what it is called where the text alone says little.
  button(text, act, label = null) {
    const button = theresa.make("button", {type: "button", class: "theresa-button", "aria-label": label}, text);
    button.addEventListener("click", act);
    return button;
  },
  // `{name}` in a label replaced by a value.
  filled(text, values) {
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  },
  // A number as the browser's language writes it, with so many digits after the point.
  number(value, digits = 0) {
    return value.toLocaleString(navigator.language, {minimumFractionDigits: digits, maximumFractionDigits: digits});
  },
  // Rows of cells as a CSV file that Excel, too, takes for UTF-8.
  csv(rows) {
    const cell = value => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
    return "\ufeff" + rows.map(row => row.map(value => cell(String(value ?? ""))).join(",") + "\r\n").join("");
  },
  // Saves text as a file, from the browser's memory: nothing is kept on the server.
  save(name, text, type = "text/plain") {
    const link = theresa.make("a", {
      download: name,
      href: URL.createObjectURL(new Blob([text], {type: type + ";charset=utf-8"})),
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  },
  // A part of the page by its name, as a promise: it may come later than who asks for it.
  part(name) {
    return this.slot(name).promise;
  },
  register(name, part) {
    const slot = this.slot(name);
    slot.resolve(part);
    slot.promise = Promise.resolve(part);  // one that is made anew takes the old one's place
  },
  slots: {},
  slot(name) {
    if (!this.slots[name]) {
      const slot = this.slots[name] = {};
      slot.promise = new Promise(resolve => { slot.resolve = resolve; });
    }
    return this.slots[name];
  },
  // The path of a File on the server, by a component's `upload`. Its name there is a random one,
  // so that nobody else's upload of the same file is taken in its place.
  async sent(upload, file) {
    const random = Array.from(crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)).join("");
    const {path} = await upload(new File([file], random + (file.name.match(/\.\w+$/)?.[0] ?? ""), {type: file.type}));
    return path;
  },
  // A file of the server as a File.
  async fetched(address) {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${address}: ${response.status}`);
    return new File([await response.blob()], address.split("/").pop(), {type: response.headers.get("content-type")});
  },
  quoted(name) {
    return {en: `“${name}”`, zh: `“${name}”`, th: `"${name}"`}[theresa.language()];
  },
  // A number of bytes, in kB or MB.
  bytes(count) {
    const [unit, name] = count < 1e6 ? [1e3, "kB"] : [1e6, "MB"];
    return `${(count / unit).toLocaleString(navigator.language, {maximumFractionDigits: 1})} ${name}`;
  },
};
