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

// A bar: `show(progress)` with {seconds, duration}; it only moves for as long as nobody knows how long.
function newBusy() {
  const strip = make("div", {});
  const element = make("div", {class: "busy", role: "progressbar", "aria-label": words.working}, strip);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const moving = still ? null : strip.animate([{left: "-30%"}, {left: "100%"}], {duration: 1400, iterations: Infinity});
  function show({seconds, duration}) {
    if (!duration) return;
    moving?.cancel();
    const percent = Math.min(100, 100 * seconds / duration);
    strip.style.width = `${percent}%`;
    element.setAttribute("aria-valuenow", percent.toFixed(0));
    element.setAttribute("aria-valuetext", `${clock(seconds)} / ${clock(duration)}`);
  }
  return {element, show};
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

// One model's answer: {element, lanes, mark(seconds, playing), grow(answer)}; `lanes` are null where nobody asked who
// speaks; `grow` adds what has come since, or says false: then another one is needed.
function newTranscript(answer, file, player) {
  const column = make("article", {class: "answer"}, make("h2", {}, answer.model));
  const segments = [];
  const list = make("ol", {"aria-label": words.segments});
  let lanes = null;
  let grow = () => false;
  function add(segment, people) {
    const one = newSegment(segment, people, player);
    segments.push([segment, one]);
    list.append(make("li", {}, one));
  }
  function mark(at, playing) {
    for (const [segment, one] of segments) {
      const here = at >= segment.start && at < segment.end && (playing || at > 0);
      if (here) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
    }
  }
  if (answer.error) {
    column.append(make("p", {class: "theresa-error", role: "alert"}, answer.error));
  } else if (!answer.transcript) {
    const note = make("p", {class: "note"});
    const busy = newBusy();
    column.append(note, busy.element, list);
    grow = next => {
      if (next.transcript || next.error) return false;
      const at = next.progress?.duration ? ` ${clock(next.progress.seconds)} / ${clock(next.progress.duration)}` : "";
      note.textContent = next.stopped ? words["given-up"] : words.working + " …" + at;
      busy.element.hidden = next.stopped ?? false;
      if (next.progress) busy.show(next.progress);
      for (const segment of (next.segments ?? []).slice(segments.length)) add(segment, null);
      return true;
    };
    grow(answer);
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
    if (language) list.lang = language;
    for (const segment of answer.transcript.segments) add(segment, people);
    column.append(text.trim() ? list : make("p", {class: "note"}, words.silent), downloads(answer, file, people));
  }
  return {element: column, lanes, mark, grow: next => grow(next)};
}

function newLegend() {
  const legend = make("p", {class: "legend"}, make("span", {}, words.legend + ":"));
  const ranges = {sure: `≥ ${percent(SURE)}`, fair: `≥ ${percent(FAIR)}`, unsure: `< ${percent(FAIR)}`};
  for (const [level, range] of Object.entries(ranges)) {
    legend.append(make("span", {}, make("span", {class: "word " + level}, words[level]), ` ${range}`));
  }
  return legend;
}
