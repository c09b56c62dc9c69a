// A transcript: segments that play when they are pressed, and words marked by confidence.
const SURE = 0.8, FAIR = 0.5;  // probabilities from which a word is sure, or less sure
const KINDS = {txt: "text/plain", srt: "application/x-subrip", vtt: "text/vtt", json: "application/json"};
const LANGUAGES = new Intl.DisplayNames([theresa.language()], {type: "language", fallback: "code"});

function levelOf(probability) {
  if (probability === undefined || probability === null) return null;
  return probability >= SURE ? "sure" : probability >= FAIR ? "fair" : "unsure";
}

function percent(probability) {
  return `${Math.round(probability * 100)} %`;
}

// A stretch of text with its confidence; the mark is a line below it as well as a colour.
function marked(text, probability) {
  const level = levelOf(probability);
  return level ? make("span", {class: "word " + level, title: percent(probability)}, text) : text;
}

// A segment's text: its words, and what stands between them.
function textOf(segment) {
  const whole = segment.confidence
    ?? (segment.avg_logprob === undefined ? undefined : Math.exp(segment.avg_logprob));
  if (!segment.words?.length) return [marked(segment.text, whole)];
  const parts = [];
  let place = 0;
  for (const word of segment.words) {
    const found = segment.text.indexOf(word.text, place);
    if (found < 0 || !word.text) continue;
    if (found > place) parts.push(segment.text.slice(place, found));
    parts.push(marked(word.text, word.probability));
    place = found + word.text.length;
  }
  return [...parts, segment.text.slice(place)];
}

function languageName(code) {
  try {
    return LANGUAGES.of(code) ?? code;
  } catch {
    return code;  // one that isn't in the form of BCP 47
  }
}

function facts(pairs) {
  const list = make("dl", {});
  for (const [name, value] of pairs) {
    list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  }
  return list;
}

// The text in all forms, saved from the browser's memory.
function downloads(answer, file) {
  const stem = file.replace(/\.[^.]*$/, "") || "transcript";
  const row = make("div", {class: "downloads", role: "group", "aria-label": words.download});
  row.append(make("span", {}, words.download));
  for (const [kind, text] of Object.entries(answer.files)) {
    const name = `${stem}.${answer.model}.${kind}`;
    row.append(theresa.button(kind, () => theresa.save(name, text, KINDS[kind])));
  }
  return row;
}

// A bar for as long as nobody knows how long.
function newBusy() {
  const strip = make("div", {});
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    strip.animate([{left: "-30%"}, {left: "100%"}], {duration: 1400, iterations: Infinity});
  }
  return make("div", {class: "busy", role: "progressbar", "aria-label": words.working}, strip);
}

// One model's answer: {element, mark(seconds, playing)}; `play` is called with a segment's start.
function newTranscript(answer, file, play) {
  const column = make("article", {class: "answer"}, make("h2", {}, answer.model));
  const segments = [];
  let mark = () => {};
  if (answer.error) {
    column.append(make("p", {class: "theresa-error", role: "alert"}, answer.error));
  } else if (!answer.transcript) {
    column.append(make("p", {class: "note"}, words.working + " …"), newBusy());
  } else {
    const {language, duration, text} = answer.transcript;
    column.append(facts([
      ...(language ? [[words.language, languageName(language)]] : []),
      [words.duration, clock(duration)],
      [words.took, `${theresa.number(answer.seconds, 2)} ${words.seconds}`],
    ]));
    const list = make("ol", {"aria-label": words.segments, lang: language ?? null});
    for (const segment of answer.transcript.segments) {
      const one = make("button", {type: "button", class: "segment"},
        make("span", {class: "times"}, `${clock(segment.start)} – ${clock(segment.end)}`),
        make("span", {class: "text"}, ...textOf(segment)));
      one.addEventListener("click", () => play(segment.start));
      segments.push([segment, one]);
      list.append(make("li", {}, one));
    }
    column.append(text.trim() ? list : make("p", {class: "note"}, words.silent), downloads(answer, file));
    mark = (at, playing) => {
      for (const [segment, one] of segments) {
        const here = at >= segment.start && at < segment.end && (playing || at > 0);
        if (here) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
      }
    };
  }
  return {element: column, mark: (at, playing) => mark(at, playing)};
}

function newLegend() {
  const legend = make("p", {class: "legend"}, make("span", {}, words.legend + ":"));
  const ranges = {sure: `≥ ${percent(SURE)}`, fair: `≥ ${percent(FAIR)}`, unsure: `< ${percent(FAIR)}`};
  for (const [level, range] of Object.entries(ranges)) {
    legend.append(make("span", {}, make("span", {class: "word " + level}, words[level]), ` ${range}`));
  }
  return legend;
}
