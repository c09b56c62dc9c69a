// Text while a person speaks: the microphone's sound goes to `/asr/live`, see live.py.
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

let microphone = null, socket = null, sounds = [], size = 0;
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
  if (socket.readyState === WebSocket.OPEN) socket.send(samples);
  show();
  if (size >= (props.limit - 1) * RATE) stop();
}

// Opens the way to the model; until it is open, sound waits in `sounds`.
function connect() {
  const address = new URL("asr/live", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = new URLSearchParams(
    {model: props.value.model, params: JSON.stringify(props.value.params)});
  const opened = new WebSocket(address);
  let ended = false;
  opened.onopen = () => { for (const one of sounds) opened.send(one); };
  opened.onmessage = event => {
    const told = JSON.parse(event.data);
    if ("stable" in told) {
      [stable.textContent, tail.textContent] = [told.stable, told.tail];
      return;
    }
    ended = true;
    if ("text" in told) {
      [stable.textContent, tail.textContent] = [told.text, ""];
      final.textContent = `${words.final}: ${told.text}`;
    } else {
      say(told.error);
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
  [sounds, size] = [[], 0];
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
  if (socket.readyState === WebSocket.OPEN) socket.send("stop");
  else if (socket.readyState !== WebSocket.CONNECTING) finish();
  else socket.addEventListener("open", () => socket.send("stop"));
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
