// `theresa.enlarge(source, title, ...lines)` shows a picture larger; Esc closes it.
theresa.enlarge ??= (source, title, ...lines) => {
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
