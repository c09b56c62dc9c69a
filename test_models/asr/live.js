// Text while a person speaks: the microphone's sound goes to `/v1/realtime`, by OpenAI's protocol.
const words = theresa.labels(props.labels);
const {make} = theresa;
const SHORTEST = 0.5;  // seconds of a recording that is worth keeping
const speak = make("button", {type: "button", class: "speak"});
const meter = make("meter", {min: "0", max: "1", value: "0", "aria-label": words.level});
const time = make("span", {class: "time"}, "0:00.0");
const by = make("small", {});
const stable = make("span", {class: "stable"});
const tail = make("span", {class: "tail"});
const text = make("p", {class: "spoken", "aria-label": words.spoken, role: "region", hidden: true}, stable, tail);
const final = make("p", {class: "hidden-text", role: "status"});
const fault = make("div", {role: "alert"});
const running = make("span", {class: "running"}, meter, time);
element.replaceChildren(make("div", {class: "live"}, speak, by, running), text, final, fault);

const LONGEST = (theresa.maxBytes - 100) / 2;  // samples: the recording can be sent as a file, too
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;

let microphone = null, socket = null, sounds = [], size = 0;
let items = new Map();  // of each utterance, by its id, {stable, tail}
let state = "idle";  // then "opening", "recording", "finishing"

function show(next = state) {
  state = next;
  const recording = state === "recording";
  speak.replaceChildren(make("span", {class: "dot", "aria-hidden": "true"}),
    recording ? words.stop : state === "finishing" ? words.finishing + " …" : words.speak);
  speak.classList.toggle("on", recording);
  speak.disabled = !navigator.mediaDevices || !props.value?.model || !["idle", "recording"].includes(state);
  running.classList.toggle("off", state === "idle" && !size);
  const seconds = size / RATE;
  time.textContent = `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
  by.textContent = props.value?.model ? `${words.by} ${props.value.model}` : "";
}

function say(sentence) {
  fault.replaceChildren(...(sentence ? [make("p", {class: "theresa-error"}, sentence)] : []));
}

function heard(samples, level) {
  sounds.push(samples);
  size += samples.length;
  meter.value = level;
  if (socket.readyState === WebSocket.OPEN) append(samples);
  show();
  if (size >= LONGEST - RATE) stop();
}

function send(type, fields = {}) {
  socket.send(JSON.stringify({type, ...fields}));
}

function append(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  send("input_audio_buffer.append", {audio: btoa(Array.from(bytes, one => String.fromCharCode(one)).join(""))});
}

// What was said so far; a space stands between utterances, but not in Chinese or Japanese.
function joinedTexts(texts) {
  return texts.filter(Boolean).reduce((all, next) =>
    all + (!all || WIDE.test(all.at(-1)) || WIDE.test(next[0]) ? "" : " ") + next, "");
}

function showText() {
  const [last, ...before] = [...items.values()].reverse();
  const known = joinedTexts([...before.reverse(), last ?? {stable: ""}].map(one => one.stable));
  stable.textContent = known;
  tail.textContent = last?.tail ? joinedTexts([known, last.tail]).slice(known.length) : "";
}

// What the server tells: the text of an utterance grows by `delta`; what may still change is its `tail`.
const TOLD = {
  "conversation.item.input_audio_transcription.delta"({item_id: id, delta, tail = ""}) {
    items.set(id, {stable: (items.get(id)?.stable ?? "") + delta, tail});
    showText();
  },
  "conversation.item.input_audio_transcription.completed"({item_id: id, transcript}) {
    items.set(id, {stable: transcript, tail: ""});
    showText();
  },
  "conversation.item.input_audio_transcription.failed"({error}) { say(error.message); },
  "error"({error}) { say(error.message); },
};

// Opens the way to the model; until it is open, sound waits in `sounds`.
function connect() {
  const {model, params} = props.value;
  const address = new URL("v1/realtime", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = new URLSearchParams({intent: "transcription", model});
  const opened = new WebSocket(address);
  let ended = false;
  opened.onopen = () => {
    const input = {format: {type: "audio/pcm", rate: RATE}, transcription: {params}};
    send("session.update", {session: {type: "transcription", audio: {input}}});
    sounds.forEach(append);
  };
  opened.onmessage = event => {
    const told = JSON.parse(event.data);
    TOLD[told.type]?.(told);
    if (["error", "session.closed"].includes(told.type)) ended = true;
    if (told.type === "session.closed") {
      final.textContent = `${words.final}: ${stable.textContent}`;
      opened.close();
    }
  };
  opened.onclose = () => {
    if (!ended) say(words.lost);
    if (state === "recording") stop(); else finish();
  };
  return opened;
}

async function start() {
  show("opening");
  say("");
  [sounds, size, items] = [[], 0, new Map()];
  [stable.textContent, tail.textContent, final.textContent] = ["", "", ""];
  text.hidden = false;
  const gone = {send() {}, readyState: WebSocket.CONNECTING};
  socket = gone;
  try {
    microphone = await openMicrophone(heard);
  } catch {
    say(words.refused);
    show("idle");
    return;
  }
  socket = connect();
  show("recording");
}

async function stop() {
  if (state !== "recording") return;
  show("finishing");
  await microphone.stop();
  meter.value = 0;
  const close = () => send("session.close");  // the rest is transcribed, and `session.closed` comes
  if (socket.readyState === WebSocket.OPEN) close();
  else if (socket.readyState !== WebSocket.CONNECTING) finish();
  else socket.addEventListener("open", close);
}

// The recording can be played and transcribed whole, like a file.
async function finish() {
  if (state !== "finishing") return;
  show("idle");
  if (size < SHORTEST * RATE) return;
  const stamp = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  (await theresa.part("asr-file")).add([wavOf(joined(sounds), `microphone-${stamp}.wav`)]);
}

speak.addEventListener("click", () => { if (state === "idle") start(); else stop(); });
window.addEventListener("pagehide", () => socket?.close());
watch("value", async () => {
  show();
  if (props.value?.sample) (await theresa.part("asr-file")).samples = [props.value.sample];
});
if (!navigator.mediaDevices) say(words.insecure);
show();
