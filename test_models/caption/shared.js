// What both parts of the page of photos use.

// The numbers of bfloat16, given in base64 or as bytes.
theresa.bfloat16 = given => {
  const bytes = typeof given === "string" ? Uint8Array.from(atob(given), one => one.charCodeAt(0)).buffer : given;
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes), half => half << 16).buffer);
};

// A row of small pictures with what they say: `{source, name, caption, similarity?}` each.
theresa.thumbnails = (found, captioned = false) => theresa.make("ul", {class: captioned ? "thumbnails captioned" : "thumbnails"},
  ...found.map(({source, name, caption, kind, similarity}) => {
    const said = similarity === undefined ? caption : theresa.number(similarity, 2);
    const one = theresa.make("button", {type: "button", title: caption || name, "aria-label": `${name}: ${caption}`},
      source ? theresa.make("img", {src: source, alt: "", loading: "lazy"}) : theresa.make("span", {class: "tile"}, name),
      theresa.make("span", {}, said));
    one.addEventListener("click", () => theresa.enlarge(source, name, caption, kind));
    return theresa.make("li", {}, one);
  }));

// `theresa.enlarge(source, title, ...lines)` shows a picture larger; Esc closes it.
theresa.enlarge = (source, title, ...lines) => {
  const words = theresa.labels(props.labels);
  const close = theresa.button(words.close, () => dialog.close());
  const picture = source ? theresa.make("img", {src: source, alt: ""}) : "";
  const dialog = theresa.make("dialog", {"aria-label": title},
    picture, theresa.make("h2", {}, title), ...lines.filter(Boolean).map(line => theresa.make("p", {}, line)), close);
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => dialog.remove());
  element.append(dialog);
  dialog.showModal();  // the focus goes back to where it was when it is closed
};
