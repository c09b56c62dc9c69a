// A transcript: segments that play when they are pressed, and words marked by confidence.
const SURE = 0.8, FAIR = 0.5;  // probabilities from which a word is sure, or less sure
const KINDS = {txt: "text/plain", srt: "application/x-subrip", vtt: "text/vtt", rttm: "text/plain", json: "application/json"};
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

// The text in all forms; the server writes them, and keeps nothing.
function downloads(answer, file, people) {
  const stem = file.replace(/\.[^.]*$/, "") || "transcript";
  const row = make("div", {class: "downloads", role: "group", "aria-label": words.download});
  const fault = make("div", {role: "alert"});
  row.append(make("span", {}, words.download));
  for (const [kind, type] of Object.entries(KINDS)) {
    if (kind === "rttm" && !people) continue;  // it is about nothing but speakers
    row.append(theresa.button(kind, async () => {
      const query = new URLSearchParams({form: kind, file: stem});
      const body = JSON.stringify(people ? people.edited() : answer.transcript);
      const response = await fetch(`asr/transcript?${query}`, {method: "POST", body}).catch(() => null);
      fault.replaceChildren(...(response?.ok ? [] : [make("p", {class: "theresa-error"}, words.unsaved)]));
      if (response?.ok) theresa.save(`${stem}.${answer.model}.${kind}`, await response.text(), type);
    }));
  }
  return make("div", {}, row, fault);
}

// A bar for as long as nobody knows how long.
function newBusy() {
  const strip = make("div", {});
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    strip.animate([{left: "-30%"}, {left: "100%"}], {duration: 1400, iterations: Infinity});
  }
  return make("div", {class: "busy", role: "progressbar", "aria-label": words.working}, strip);
}

// A segment that plays when it is pressed, with the name of who says it.
function newSegment(segment, people, player) {
  const who = make("span", {class: "who"});
  const show = () => who.replaceChildren(people.mark(segment.speaker), people.name(segment.speaker));
  if (people && segment.speaker) {
    people.onchange(show);
    show();
  }
  const one = make("button", {type: "button", class: "segment"},
    make("span", {class: "times"}, `${clock(segment.start)} – ${clock(segment.end)}`),
    ...(who.firstChild ? [who] : []),
    make("span", {class: "text"}, ...textOf(segment)),
    ...(segment.overlap ? [make("span", {class: "also"}, words.overlap)] : []));
  one.addEventListener("click", () => player.play(segment.start));
  return one;
}

// One model's answer: {element, lanes, mark(seconds, playing)}; `lanes` are null where nobody asked who speaks.
function newTranscript(answer, file, player) {
  const column = make("article", {class: "answer"}, make("h2", {}, answer.model));
  const segments = [];
  let mark = () => {};
  let lanes = null;
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
    const people = newPeople(answer.transcript);
    if (people) {
      lanes = make("section", {"aria-label": `${words.people}: ${answer.model}`},
        make("h3", {}, answer.model), people.lanes(player.seek));
      column.append(people.element);
    }
    const list = make("ol", {"aria-label": words.segments, lang: language ?? null});
    for (const segment of answer.transcript.segments) {
      const one = newSegment(segment, people, player);
      segments.push([segment, one]);
      list.append(make("li", {}, one));
    }
    column.append(text.trim() ? list : make("p", {class: "note"}, words.silent), downloads(answer, file, people));
    mark = (at, playing) => {
      for (const [segment, one] of segments) {
        const here = at >= segment.start && at < segment.end && (playing || at > 0);
        if (here) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
      }
    };
  }
  return {element: column, lanes, mark: (at, playing) => mark(at, playing)};
}

function newLegend() {
  const legend = make("p", {class: "legend"}, make("span", {}, words.legend + ":"));
  const ranges = {sure: `≥ ${percent(SURE)}`, fair: `≥ ${percent(FAIR)}`, unsure: `< ${percent(FAIR)}`};
  for (const [level, range] of Object.entries(ranges)) {
    legend.append(make("span", {}, make("span", {class: "word " + level}, words[level]), ` ${range}`));
  }
  return legend;
}
