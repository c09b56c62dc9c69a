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
  // A new element: `make("button", {type: "button", class: "x"}, "text", child)`.
  make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
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
};
