// The player and the models' answers side by side, as Python sends them: {error} or {file, answers:
// [{model}, {model, progress, segments}, {model, error}, {model, seconds, transcript}]}; one that
// was given up is `stopped`.
let transcripts = [];
const player = newPlayer((at, playing) => transcripts.forEach(one => one.mark(at, playing)));
const said = make("p", {class: "said", role: "status"});
const fault = make("div", {});
const legend = newLegend();
const stop = theresa.button(words["give-up"], giveUp);
stop.classList.add("stop");
const columns = make("div", {class: "answers"});
const region = make("section", {"aria-label": words.transcripts, hidden: true}, stop, legend, columns);
element.replaceChildren(player.element, said, fault, region);
let shown = [];
let recording = null;  // the File that is in the player

function isOver(answer) {
  return Boolean(answer.error || answer.transcript || answer.stopped);
}

// What came by now stays; the browser tells the server, whose model stops.
async function giveUp() {
  trigger("stop");
  props.value = {...props.value, answers: props.value.answers.map(one => isOver(one) ? one : {...one, stopped: true})};
  render();
  (await theresa.part("asr-file")).free();
}

function sentence(answers) {
  return answers.map(one => one.error ? `${one.model}: ${words.failed}` : one.stopped ? `${one.model}: ${words["given-up"]}`
    : one.transcript ? `${one.model} ${words.answered} ${theresa.number(one.seconds, 2)} ${words.seconds}`
      : `${one.model}: ${words.working} …`).join(" · ");
}

function render() {
  const value = props.value ?? {};
  fault.replaceChildren(...(value.error ? [make("p", {class: "theresa-error", role: "alert"}, value.error)] : []));
  const answers = value.file === recording?.name ? value.answers ?? [] : [];  // not an older file's
  if (said.textContent !== sentence(answers)) said.textContent = sentence(answers);
  stop.hidden = answers.every(isOver);
  region.hidden = !answers.length;
  legend.hidden = answers.every(one => one.error);
  // What hasn't changed stays, with the focus that a person may have put there.
  const next = answers.map((one, n) => {
    const key = JSON.stringify(one);
    const known = shown[n]?.file === value.file ? shown[n] : null;
    return known && (known.key === key || known.part.grow(one)) ? Object.assign(known, {key})
      : {key, file: value.file, part: newTranscript(one, value.file, player)};
  });
  if (next.length !== shown.length) columns.replaceChildren(...next.map(one => one.part.element));
  else next.forEach((one, n) => { if (one !== shown[n]) shown[n].part.element.replaceWith(one.part.element); });
  if (next.some((one, n) => one !== shown[n]) || next.length !== shown.length) {
    const lanes = next.map(one => one.part.lanes).filter(Boolean);
    player.lanes.replaceChildren(...lanes);
    player.lanes.hidden = !lanes.length;
  }
  shown = next;
  transcripts = next.map(one => one.part);
}

watch("value", render);
theresa.part("asr-file").then(zone => {
  zone.element.addEventListener("theresa:files", () => {
    recording = zone.files[0];
    player.load(recording);
    props.value = null;  // the answers were about another recording
    render();
  });
});
render();
