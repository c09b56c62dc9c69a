// Who speaks: a colour and a name for each, which a person may change; two that are one person.
const COLOURS = 8;  // of people.css; who comes after these has another shape

// The speakers of a transcript, as a person has named and joined them; null where it has none.
// {element, name(label), mark(label), edited(), lanes(seek), onchange(act)}
function newPeople(transcript) {
  const speakers = transcript.speakers ?? [];
  if (!speakers.length) return null;
  const order = new Map(speakers.map((one, n) => [one.speaker, n]));
  const names = new Map(speakers.map(one => [one.speaker, one.name ?? ""]));
  const acts = [];
  let joined = new Map();  // by label, whom this speaker turned out to be
  let before = [];  // what `joined` was, before each change

  const of = label => joined.get(label) ?? label;
  const kept = () => speakers.filter(one => !joined.has(one.speaker));
  const name = label => names.get(of(label)).trim() || of(label);
  const secondsOf = label => speakers.reduce((sum, one) => sum + (of(one.speaker) === label ? one.seconds : 0), 0);
  const changed = () => {
    for (const one of list.querySelectorAll("option[value]:not([value=''])")) one.textContent = name(one.value);
    acts.forEach(act => act());
  };

  // The class of a speaker's colour and shape.
  function look(label) {
    const n = order.get(of(label));
    return `who${n % COLOURS}${n >= COLOURS ? " square" : ""}`;
  }

  function mark(label) {
    return make("span", {class: `mark ${look(label)}`, "aria-hidden": "true"});
  }

  function join(label, other) {
    before.push(joined);
    joined = new Map([...joined].map(([one, whom]) => [one, whom === label ? other : whom]));
    joined.set(label, other);
    render(other);
  }

  function undo() {
    joined = before.pop();
    render();
  }

  function row({speaker}) {
    const who = words.speaker + " " + speaker;
    const field = make("input", {
      type: "text", maxlength: "100", placeholder: speaker, value: names.get(speaker),
      "aria-label": `${words.name}: ${who}`,
    });
    field.addEventListener("input", () => { names.set(speaker, field.value); changed(); });
    const others = kept().filter(one => one.speaker !== speaker);
    const choice = make("select", {"aria-label": `${words.same}: ${who}`},
      make("option", {value: ""}, words.same + " …"),
      ...others.map(one => make("option", {value: one.speaker}, name(one.speaker))));
    const yes = theresa.button(words.join, () => join(speaker, choice.value), `${words.join}: ${who}`);
    yes.hidden = true;  // keys change a choice step by step: it is the button that joins
    choice.addEventListener("change", () => { yes.hidden = !choice.value; });
    return make("li", {}, mark(speaker), field,
      make("span", {class: "time"}, clock(secondsOf(speaker))), ...(others.length ? [choice, yes] : []));
  }

  const list = make("ul", {class: "people", "aria-label": words.people});
  const back = theresa.button(words.undo, undo);
  const element = make("div", {class: "who-speaks"}, list, back);
  list.replaceChildren(...kept().map(row));
  back.hidden = true;

  // Shows the list anew, with the focus on a speaker's name, or on the first.
  function render(focused) {
    const rows = new Map(kept().map(one => [one.speaker, row(one)]));
    list.replaceChildren(...rows.values());
    back.hidden = !before.length;
    (rows.get(focused) ?? list.firstChild).querySelector("input").focus();
    changed();
  }

  // The transcript with these names, and with one label for those who are one person.
  function edited() {
    const told = one => one.speaker ? {...one, speaker: of(one.speaker)} : one;
    return {
      ...transcript,
      segments: transcript.segments.map(one => ({...told(one), ...(one.words && {words: one.words.map(told)})})),
      turns: (transcript.turns ?? []).map(told),
      speakers: kept().map(one => ({
        ...one, seconds: secondsOf(one.speaker), name: names.get(one.speaker).trim() || undefined,
      })),
    };
  }

  // A lane for each speaker with the turns, as wide as the waveform; a press on it moves there.
  function lanes(seek) {
    const all = make("div", {class: "tracks"});
    const length = transcript.duration || 1;
    const part = seconds => `${(seconds / length * 100).toFixed(3)}%`;
    function draw() {
      all.replaceChildren(...kept().map(({speaker}) => {
        const turns = (transcript.turns ?? []).filter(one => of(one.speaker) === speaker);
        const track = make("div", {
          class: `track ${look(speaker)}`, role: "img",
          "aria-label": `${name(speaker)}: ${clock(secondsOf(speaker))}`,
        }, ...turns.map(one => {
          const bar = make("i", {});
          [bar.style.left, bar.style.width] = [part(one.start), part(one.end - one.start)];
          return bar;
        }));
        track.addEventListener("pointerdown", event => {
          const box = track.getBoundingClientRect();
          seek((event.clientX - box.left) / box.width * length);
        });
        return make("div", {}, make("small", {}, name(speaker)), track);
      }));
    }
    acts.push(draw);
    draw();
    return all;
  }

  return {element, name, mark, edited, lanes, onchange: act => acts.push(act)};
}
