// What a model says of itself, see start.py, and the way to its page.
const words = theresa.labels(props.labels);
const {make} = theresa;
const MOST = 12;  // languages that are named

function show() {
  const {page, task, summary, languages, checkpoint, license, limits} = props.value;
  const facts = {
    languages: languages.slice(0, MOST).map(theresa.languageName).join(", ") + (languages.length > MOST ? " …" : ""),
    checkpoint, license, limits, task: page === "other" ? task : "",
  };
  element.replaceChildren(make("p", {}, summary),
    make("dl", {}, ...Object.entries(facts).filter(([_, fact]) => fact).map(([name, fact]) =>
      make("div", {class: name}, make("dt", {}, words[name]), make("dd", {}, fact)))),
    page ? make("a", {href: page, class: "way"}, words[page]) : "");
}

watch("value", show);
show();
